import { Test } from '@nestjs/testing';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { PublicUrl } from '../http/public-url.js';
import { ManagementRoutes } from '../management/management-routes.js';
import { RegistryRoutes } from '../registry/registry-routes.js';
import type { OpenApiDocument } from './openapi-document.js';
import { OpenApiController } from './openapi.controller.js';

describe('GET /openapi.json', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    const nothing = {} as never;
    const module = await Test.createTestingModule({
      controllers: [OpenApiController],
      providers: [
        { provide: PublicUrl, useValue: new PublicUrl({ publicUrl: undefined } as never) },
        {
          provide: ManagementRoutes,
          useValue: new ManagementRoutes(
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
          ),
        },
        { provide: RegistryRoutes, useValue: new RegistryRoutes(nothing, nothing, nothing, nothing, nothing, nothing) },
      ],
    }).compile();
    app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
    await app.init();
  });

  afterAll(() => app.close());

  const get = (headers: Record<string, string> = {}) => app.inject({ method: 'GET', url: '/openapi.json', headers });

  it('answers the document without credentials', async () => {
    const answer = await get();
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    const document = answer.json<OpenApiDocument>();
    expect(document.openapi).toBe('3.1.1');
    expect(document.servers).toEqual([{ url: '/' }]);
    expect(Object.keys(document.paths)).toContain('/v2/{name}/manifests/{reference}');
  });

  it('answers 304 to a client that has it', async () => {
    const { headers } = await get();
    expect(headers['cache-control']).toBe('public, max-age=300');
    const again = await get({ 'if-none-match': String(headers.etag) });
    expect(again.statusCode).toBe(304);
    expect(again.body).toBe('');
    expect(again.headers.etag).toBe(headers.etag);
  });
});
