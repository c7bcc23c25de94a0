import { LIST_REFERRERS, type ReferrerPageV1 } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { digestOf } from '@berth/oci';
import { answering } from '@berth/platform/testing';
import { aRequest } from '../testing/recorded-reply.js';
import { ReferrerRoutes } from './referrer.routes.js';

const INDEX = 'application/vnd.oci.image.index.v1+json';
const subject = digestOf(Buffer.from('subject'));
const referrer = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf(Buffer.from('referrer')),
  size: 300,
  artifactType: 'a/sbom+json',
  annotations: { é: '"quoted"' },
};

async function list(query: Record<string, string> = {}, page: Partial<ReferrerPageV1> = {}, name = 'a/b') {
  const bus = new InProcessBus();
  const asked = answering(bus, LIST_REFERRERS, () => ({ referrers: [referrer], more: false, ...page }));
  const { request, reply } = aRequest({ query, name });
  await new ReferrerRoutes(bus).list(request, subject);
  return { asked: asked[0], reply };
}

describe(ReferrerRoutes, () => {
  it('answers an index of the descriptors, whose type no parameter follows', async () => {
    const { asked, reply } = await list();
    expect(asked).toEqual({ repository: 'a/b', subject, after: '', limit: 1_000 });
    expect(reply.statusCode).toBe(200);
    expect(reply.headers).toEqual({ 'content-type': INDEX });
    expect(JSON.parse(String(reply.body))).toEqual({ schemaVersion: 2, mediaType: INDEX, manifests: [referrer] });
  });

  it('answers an empty one where there is nothing', async () => {
    const { reply } = await list({}, { referrers: [] });
    expect(JSON.parse(String(reply.body))).toMatchObject({ manifests: [] });
  });

  it('says that it filtered, and keeps filter and spelling in the link to the next page', async () => {
    const { asked, reply } = await list({ artifactType: 'a/sbom+json', n: '1', last: subject }, { more: true }, 'app');
    expect(asked).toEqual({
      repository: 'library/app',
      subject,
      artifactType: 'a/sbom+json',
      after: subject,
      limit: 1,
    });
    expect(reply.headers['oci-filters-applied']).toBe('artifactType');
    const last = referrer.digest.replace(':', '%3A');
    expect(reply.headers.link).toBe(
      `</v2/app/referrers/${subject}?artifactType=a%2Fsbom%2Bjson&n=1&last=${last}>; rel="next"`,
    );
  });

  it('takes an empty filter for none', async () => {
    const { asked, reply } = await list({ artifactType: '' });
    expect(asked).not.toHaveProperty('artifactType');
    expect(reply.headers).not.toHaveProperty('oci-filters-applied');
  });

  it('has no link behind a page of nothing', async () => {
    const { reply } = await list({ n: '0' }, { referrers: [], more: true });
    expect(reply.headers).not.toHaveProperty('link');
  });

  it('never takes more than it may for one page', async () => {
    expect((await list({ n: '999999999' })).asked).toMatchObject({ limit: 1_000 });
  });

  it('refuses a number and a type that are none, and asks nobody', async () => {
    await expect(list({ n: 'x' })).rejects.toMatchObject({ code: 'UNSUPPORTED', status: 400 });
    for (const artifactType of ['x'.repeat(256), 'a/b\0']) {
      await expect(list({ artifactType })).rejects.toMatchObject({ code: 'UNSUPPORTED', status: 400 });
    }
    expect((await list({ artifactType: 'x'.repeat(255) })).asked?.artifactType).toHaveLength(255);
  });
});
