import { anImage } from '@berth/testing';

import type { Stack } from '../stack.js';

/** Spec: "Listing tags". */
export function describeTags(stack: () => Stack): void {
  const client = () => stack().client();
  const name = 'raw/tags';
  const tags = ['1.0', '1.1', '2.0', 'Alpha', 'edge', 'old'];
  const listed = async (query: { n?: number; last?: string } = {}) =>
    (await client().listTags(name, query)).expect(200).json<{ name: string; tags: string[] }>();

  describe('GET /v2/:name/tags/list', () => {
    beforeAll(async () => {
      const image = anImage();
      for (const tag of [...tags].reverse()) await client().push(name, image, tag);
    });

    it('lists all tags in order', async () => {
      expect(await listed()).toEqual({ name, tags });
    });

    it('lists page after page along the Link headers', async () => {
      const seen: string[][] = [];
      let next: string | undefined = `/v2/${name}/tags/list?n=4`;
      while (next) {
        const answer = (await client().call('GET', next, [`repository:${name}:pull`])).expect(200);
        seen.push(answer.json<{ tags: string[] }>().tags);
        const link = answer.header('link');
        if (link) expect(link).toMatch(/^<[^>]+>; ?rel="?next"?$/);
        next = /<([^>]+)>/.exec(link ?? '')?.[1];
      }
      expect(seen).toEqual([tags.slice(0, 4), tags.slice(4)]);
    });

    it('begins behind `last`, which need not be there', async () => {
      expect((await listed({ last: '1.1' })).tags).toEqual(tags.slice(2));
      expect((await listed({ last: '1.5', n: 1 })).tags).toEqual(['2.0']);
      expect((await listed({ last: 'zzz' })).tags).toEqual([]);
    });

    it('lists nothing for n=0, and says of no more', async () => {
      const answer = (await client().listTags(name, { n: 0 })).expect(200);
      expect(answer.json<{ tags: string[] }>().tags).toEqual([]);
      expect(answer.header('link')).toBeUndefined();
    });

    it('takes an n of any length', async () => {
      expect((await client().listTags(name, { n: '9'.repeat(40) })).expect(200).json()).toEqual({ name, tags });
    });

    it.each(['-1', 'many', '1.5'])('refuses n=%s', async (n) => {
      const answer = (await client().listTags(name, { n })).expect(400);
      expect(answer.codes).toEqual(['UNSUPPORTED']);
    });

    it('lists an empty array where only digests are left', async () => {
      await client().push('raw/untagged', anImage());
      expect((await client().listTags('raw/untagged')).expect(200).json()).toEqual({ name: 'raw/untagged', tags: [] });
    });

    it('does not know a repository that is not there', async () => {
      expect((await client().listTags('raw/tags-nowhere')).expect(404).codes).toEqual(['NAME_UNKNOWN']);
    });
  });
}
