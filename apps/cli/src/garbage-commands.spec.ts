import type { CommandContext } from './command-spec.js';
import { GARBAGE_COMMANDS } from './garbage-commands.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const SINCE = '2026-11-21T19:00:00.000Z';
const NOTHING = { digest: DIGEST, size: null, damage: null, places: [], more: 0, objects: [] };

/** What the command prints of an answer of the management API. */
const explained = (answer: object) => {
  const explain = GARBAGE_COMMANDS.find(({ verb }) => verb === 'explain')!;
  const client = { request: () => Promise.resolve({ ...NOTHING, ...answer }) };
  return explain.run({ subject: DIGEST, text: () => undefined, directory: { client } } as unknown as CommandContext);
};

describe('gc explain', () => {
  const stored = { where: 'object store', what: 'object' };

  it('says of a damaged blob since when and what to do, behind where it is', async () => {
    const place = { repository: 'team/app', kind: 'blob', kept: true, goes_after: null };
    const because = [{ kind: 'manifest', digest: DIGEST, because: [{ kind: 'tag', tags: ['v1'] }] }];
    const damage = { state: 'quarantined', reason: 'missing', first_seen: SINCE, advice: 'push it again' };
    expect(await explained({ size: 5, damage, places: [{ ...place, because }] })).toEqual([
      { where: 'team/app', what: 'blob', state: 'kept', why: `manifest ${DIGEST}` },
      { where: 'team/app', what: 'blob', state: 'kept', why: '  tag v1' },
      { ...stored, state: 'quarantined', why: `since ${SINCE}: push it again` },
    ]);
  });

  it('says of an object when it is deleted, and of one that cannot be why and what to do', async () => {
    const objects = [
      { not_before: SINCE, attempts: 0, last_error: null, advice: null },
      { not_before: SINCE, attempts: 2, last_error: null, advice: null },
      { not_before: SINCE, attempts: 3, last_error: 'EACCES', advice: 'look at the object store' },
    ];
    expect(await explained({ objects })).toEqual([
      { ...stored, state: 'goes', why: `is deleted after ${SINCE}` },
      { ...stored, state: 'goes', why: `is deleted after ${SINCE}, tried 2 times: unanswered` },
      { ...stored, state: 'goes', why: `is deleted after ${SINCE}, tried 3 times: EACCES: look at the object store` },
    ]);
  });

  it('tells a former object from the one that the blob has', async () => {
    const objects = [{ not_before: SINCE, attempts: 0, last_error: null, advice: null }];
    expect(await explained({ size: 5, objects })).toEqual([
      { ...stored, state: 'goes', why: `a former object, the blob has another: is deleted after ${SINCE}` },
    ]);
  });

  it('fails where there is nothing', async () => {
    await expect(explained({})).rejects.toThrow('never pushed here, or it is gone');
  });
});
