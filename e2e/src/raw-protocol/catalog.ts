import { anImage, basic, exchange, randomBlob, RegistryClient } from '@berth/testing';

import type { Stack } from '../stack.js';

/** Docker Registry HTTP API V2, "Catalog". Other tests push to the same registry: what is theirs is left out. */
export function describeCatalog(stack: () => Stack): void {
  const client = () => stack().client();
  /** In the order of the list: `catalog-b/x` comes before `catalog/...`, and `catalog0` behind it. */
  const names = ['catalog-b/x', 'catalog/a', 'catalog/a/b', 'catalog/b', 'catalog0', 'cataloged/x'];
  const page = async (query: { n?: number; last?: string }) => {
    const answer = (await client().catalog(query)).expect(200);
    return { repositories: answer.json<{ repositories: string[] }>().repositories, link: answer.header('link') };
  };

  describe('GET /v2/_catalog', () => {
    beforeAll(async () => {
      for (const name of [...names].reverse()) await client().pushBlob(name, randomBlob(1));
    });

    it('lists all repositories in ASCII order, those of `library` by their last component', async () => {
      const { repositories } = await page({});
      expect(repositories.filter((name) => name.startsWith('catalog'))).toEqual(names);
      expect(repositories).toEqual([...repositories].sort());
      expect(new Set(repositories).size).toBe(repositories.length);
      expect(repositories).not.toContain('library/catalog0');
    });

    it('lists names that can be listed, pulled and pushed as they are', async () => {
      const image = anImage();
      await client().push('catalog0', image, 'v1');
      const { repositories } = await page({ last: 'catalog/b', n: 1 });
      await client().pullAndCompare(repositories[0]!, 'v1', image);
    });

    it('lists page after page along the Link headers', async () => {
      const seen: string[][] = [];
      let next: string | undefined = '/v2/_catalog?n=4&last=catalog-a';
      while (next && seen.flat().length < names.length) {
        const answer = (await client().call('GET', next, ['registry:catalog:*'])).expect(200);
        seen.push(answer.json<{ repositories: string[] }>().repositories);
        const link = answer.header('link');
        if (link) expect(link).toMatch(/^<\/v2\/_catalog\?[^>]+>; ?rel="next"$/);
        next = /<([^>]+)>/.exec(link ?? '')?.[1];
      }
      expect(seen[0]).toEqual(names.slice(0, 4));
      expect(seen.flat().slice(0, names.length)).toEqual(names);
    });

    it('begins behind `last`, which need not be there', async () => {
      expect((await page({ last: 'catalog/a', n: 2 })).repositories).toEqual(['catalog/a/b', 'catalog/b']);
      expect((await page({ last: 'catalog/aa', n: 1 })).repositories).toEqual(['catalog/b']);
      expect((await page({ last: 'catalog', n: 1 })).repositories).toEqual(['catalog-b/x']);
      expect(await page({ last: '~' })).toEqual({ repositories: [], link: undefined });
    });

    it('says of no more on the last page, also where that is full', async () => {
      const { repositories } = await page({});
      const last = repositories.at(-3)!;
      expect(await page({ last, n: 2 })).toEqual({ repositories: repositories.slice(-2), link: undefined });
      expect((await page({ last, n: 1 })).link).toBeDefined();
    });

    it('lists nothing for n=0, and says of no more', async () => {
      expect(await page({ n: 0 })).toEqual({ repositories: [], link: undefined });
    });

    it('takes an n beyond its largest page', async () => {
      expect((await page({ n: 1_000_000 })).repositories).toEqual(expect.arrayContaining(names));
    });

    it.each(['-1', 'many', '1.5', ''])('refuses n=%p', async (n) => {
      expect((await client().catalog({ n })).expect(400).codes).toEqual(['PAGINATION_NUMBER_INVALID']);
    });

    it.each([
      ['of 10,000 characters', 'x'.repeat(10_000)],
      ['with NUL', 'a\0b'],
      ['with a percent sign', '%'],
      ['that is a path', '../..'],
      ['beyond ASCII', 'ä'],
    ])('bears a last %s', async (_what, last) => {
      (await client().catalog({ last })).expect(200);
    });

    it('answers HEAD without a body, and nothing else but GET', async () => {
      expect((await client().catalog({}, 'HEAD')).expect(200).bytes).toHaveLength(0);
      expect((await client().catalog({}, 'POST')).expect(405).header('allow')).toBe('GET, HEAD');
    });

    it('shows anonymous no private name, and nothing at all without a token', async () => {
      const stranger = (await new RegistryClient(stack().base).catalog()).expect(200);
      expect(stranger.json()).toEqual({ repositories: [] });
      (await exchange({ method: 'GET', url: `${stack().base}/v2/_catalog` })).expect(401);
    });

    it('takes a password as well as a token, and no token for something else', async () => {
      const url = `${stack().base}/v2/_catalog?last=catalog&n=1`;
      const answer = await exchange({ method: 'GET', url, headers: { authorization: basic(stack().credentials!) } });
      expect(answer.expect(200).json()).toEqual({ repositories: ['catalog-b/x'] });
      const authorization = (await client().tokenFor(['repository:catalog/a:pull']))!;
      (await exchange({ method: 'GET', url, headers: { authorization } })).expect(401);
    });
  });

  describe('POST with mount and without from', () => {
    const mount = (name: string, digest: string) => client().postUpload(name, { query: { mount: digest } });

    it('takes the blob over from any repository', async () => {
      const blob = randomBlob(1_000);
      await client().pushBlob('catalog/a', blob);
      const answer = (await mount('catalog/fresh', blob.digest)).expect(201);
      expect(answer.header('docker-content-digest')).toBe(blob.digest);
      const location = new URL(answer.header('location')!, stack().base).pathname;
      expect(location).toBe(`/v2/catalog/fresh/blobs/${blob.digest}`);
      expect((await client().getBlob('catalog/fresh', blob.digest)).expect(200).bytes.equals(blob.bytes)).toBe(true);
    });

    it.each([
      ['a blob that nobody has', randomBlob(10).digest],
      ['no digest', 'latest'],
    ])('opens a session for %s', async (_what, digest) => {
      expect((await mount('catalog/fresh', digest)).expect(202).header('location')).toMatch(/blobs\/uploads\//);
    });
  });
}
