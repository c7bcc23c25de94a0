import { randomUUID } from 'node:crypto';
import { UploadSessionStore } from './upload-session.store.js';
import { onDatabase } from './testing/registry-fixture.js';
import type { TestDatabase } from './testing/test-databases.js';

const IDLE_SECONDS = 3_600;
const MAX_SECONDS = 20_000;
const REPOSITORY = 'acme/app';
const PROGRESS = { offset: 5, object: { key: 'objects/1', parts: [1] }, sha256: 'aa', sha512: null };

describe(UploadSessionStore.name, () => {
  const on = onDatabase();
  let test: TestDatabase;
  let store: UploadSessionStore;

  beforeEach(() => {
    test = on.test;
    store = new UploadSessionStore(test.database, { idleSeconds: IDLE_SECONDS, maxSeconds: MAX_SECONDS });
  });

  const expireAll = () => test.rows(`UPDATE storage.upload_session SET expires_at = now() - interval '1 second'`);
  const secondsLeft = (id: string) =>
    test.value<number>(
      'SELECT extract(epoch FROM expires_at - now())::float8 FROM storage.upload_session WHERE id = $1',
      [id],
    );
  const aboutToExpire = (id: string) =>
    test.rows(`UPDATE storage.upload_session SET expires_at = now() + interval '5 seconds' WHERE id = $1`, [id]);
  const startedAgo = (id: string, seconds: number) =>
    test.rows('UPDATE storage.upload_session SET started_at = now() - make_interval(secs => $2) WHERE id = $1', [
      id,
      seconds,
    ]);
  const claimed = async () => {
    const id = await store.create(REPOSITORY, 'sha256');
    const claim = randomUUID();
    await store.claim({ sessionId: id, repository: REPOSITORY }, claim, null);
    return { id, claim };
  };

  describe('find', () => {
    it('gives a new session at offset 0 without bytes and without a claim', async () => {
      const id = await store.create(REPOSITORY, 'sha512');
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toMatchObject({
        id,
        repository: REPOSITORY,
        offset: 0,
        object: null,
        sha256: null,
        sha512: null,
        algorithm: 'sha512',
        claim: null,
      });
    });

    it("does not know another repository's session", async () => {
      const id = await store.create(REPOSITORY, 'sha256');
      expect(await store.find({ sessionId: id, repository: 'acme/other' })).toBeNull();
    });

    it('does not know an expired session', async () => {
      const id = await store.create(REPOSITORY, 'sha256');
      await expireAll();
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toBeNull();
    });

    it('does not know an id that was never given', async () => {
      expect(await store.find({ sessionId: randomUUID(), repository: REPOSITORY })).toBeNull();
    });
  });

  describe('claim', () => {
    it('gives the session as it stands, and pushes its expiry out', async () => {
      const id = await store.create(REPOSITORY, 'sha256');
      await aboutToExpire(id);
      const claim = randomUUID();
      expect(await store.claim({ sessionId: id, repository: REPOSITORY }, claim, null)).toMatchObject({
        id,
        offset: 0,
        claim,
      });
      expect(await secondsLeft(id)).toBeGreaterThan(IDLE_SECONDS - 60);
    });

    it('is refused at another offset than the one where the session stands', async () => {
      const { id, claim } = await claimed();
      await store.advance(id, claim, PROGRESS);
      expect(await store.claim({ sessionId: id, repository: REPOSITORY }, randomUUID(), 0)).toBeNull();
      expect(await store.claim({ sessionId: id, repository: REPOSITORY }, randomUUID(), 6)).toBeNull();
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toMatchObject({ claim, offset: 5 });
      expect(await store.claim({ sessionId: id, repository: REPOSITORY }, randomUUID(), 5)).toMatchObject({
        offset: 5,
      });
    });

    it('takes an offset beyond 32 bits', async () => {
      const { id, claim } = await claimed();
      const offset = 2 ** 40;
      await store.advance(id, claim, { ...PROGRESS, offset });
      expect(await store.claim({ sessionId: id, repository: REPOSITORY }, randomUUID(), offset)).toMatchObject({
        offset,
      });
    });

    it("does not know another repository's session, nor an expired one", async () => {
      const { id, claim } = await claimed();
      expect(await store.claim({ sessionId: id, repository: 'acme/other' }, randomUUID(), null)).toBeNull();
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toMatchObject({ claim });
      await expireAll();
      expect(await store.claim({ sessionId: id, repository: REPOSITORY }, randomUUID(), null)).toBeNull();
    });
  });

  describe('of an owner', () => {
    const [ann, bob] = [randomUUID(), randomUUID()];
    const nowSeconds = () => test.value<number>('SELECT extract(epoch FROM now())::int');

    it.each([
      ['another owner', { ownerId: bob }],
      ['nobody, as in open mode', {}],
      ['its owner in another repository', { ownerId: ann, repository: 'acme/other' }],
    ])('is not there for %s, whatever the question', async (_what, other) => {
      const sessionId = await store.create(REPOSITORY, 'sha256', ann);
      const [own, foreign] = [{ ownerId: ann }, other].map((who) => ({ sessionId, repository: REPOSITORY, ...who }));
      expect(await store.find(foreign!)).toBeNull();
      expect(await store.claim(foreign!, randomUUID(), null)).toBeNull();
      expect(await store.remove(foreign!)).toBeNull();
      expect(await store.find(own!)).toMatchObject({ id: sessionId, claim: null });
      expect(await store.claim(own!, randomUUID(), 0)).not.toBeNull();
      expect(await store.remove(own!)).not.toBeNull();
    });

    it('that has none, of open mode, is nobody else’s later', async () => {
      const sessionId = await store.create(REPOSITORY, 'sha256');
      expect(await store.find({ sessionId, repository: REPOSITORY, ownerId: ann })).toBeNull();
      expect(await store.find({ sessionId, repository: REPOSITORY })).not.toBeNull();
    });

    it('is there for a token that is over only where it had started by then', async () => {
      const sessionId = await store.create(REPOSITORY, 'sha256', ann);
      await startedAgo(sessionId, 100);
      const startedBy = async (ago: number) => ({
        ...{ sessionId, repository: REPOSITORY, ownerId: ann },
        startedBy: (await nowSeconds()) - ago,
      });
      const late = await startedBy(110);
      expect(await store.find(late)).toBeNull();
      expect(await store.claim(late, randomUUID(), null)).toBeNull();
      expect(await store.remove(late)).toBeNull();
      const inTime = await startedBy(90);
      expect(await store.find({ ...inTime, ownerId: bob })).toBeNull();
      expect(await store.find(inTime)).not.toBeNull();
      expect(await store.claim(inTime, randomUUID(), null)).not.toBeNull();
      expect(await store.remove(inTime)).not.toBeNull();
    });
  });

  describe('that began long ago', () => {
    const key = (sessionId: string) => ({ sessionId, repository: REPOSITORY });
    const digest = `sha256:${'1'.repeat(64)}`;
    const renewals: Record<string, (id: string, claim: string) => Promise<unknown>> = {
      claim: (id) => store.claim(key(id), randomUUID(), null),
      claimCompletion: (id) => store.claimCompletion(key(id), digest),
      keep: (id, claim) => store.keep(id, claim),
      advance: (id, claim) => store.advance(id, claim, PROGRESS),
    };

    it.each(Object.keys(renewals))('is pushed out by %s to its greatest age only', async (by) => {
      const { id, claim } = await claimed();
      await startedAgo(id, MAX_SECONDS - 100);
      expect(await renewals[by]!(id, claim)).toBeTruthy();
      expect(await secondsLeft(id)).toBeLessThanOrEqual(100);
      expect(await store.find(key(id))).not.toBeNull();
    });

    it('is not there at its greatest age, whatever its expiry says', async () => {
      const { id } = await claimed();
      await startedAgo(id, MAX_SECONDS);
      expect(await store.find(key(id))).toBeNull();
      expect(await store.claim(key(id), randomUUID(), null)).toBeNull();
      expect(await store.claimCompletion(key(id), digest)).toBeNull();
    });

    it.each(['keep', 'advance'])('is taken as expired in the middle of an append, though %s goes on', async (by) => {
      const { id, claim } = await claimed();
      await startedAgo(id, MAX_SECONDS + 1);
      expect(await renewals[by]!(id, claim)).toBe(true);
      expect(await store.takeExpired(10)).toMatchObject([{ id }]);
      expect(await renewals[by]!(id, claim)).toBe(false);
    });
  });

  describe('advance', () => {
    it('records offset, object and hashes, and pushes the expiry out', async () => {
      const { id, claim } = await claimed();
      await aboutToExpire(id);
      expect(await store.advance(id, claim, PROGRESS)).toBe(true);
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toMatchObject(PROGRESS);
      expect(await secondsLeft(id)).toBeGreaterThan(IDLE_SECONDS - 60);
    });

    it('records nothing for a claim that was taken over', async () => {
      const { id, claim: earlier } = await claimed();
      const later = randomUUID();
      await store.claim({ sessionId: id, repository: REPOSITORY }, later, null);
      expect(await store.advance(id, earlier, PROGRESS)).toBe(false);
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toMatchObject({
        offset: 0,
        object: null,
        sha256: null,
        claim: later,
      });
      expect(await store.advance(id, later, PROGRESS)).toBe(true);
    });

    it('keeps an object that is null as null', async () => {
      const { id, claim } = await claimed();
      await store.advance(id, claim, { ...PROGRESS, object: null });
      expect(await test.value('SELECT object IS NULL FROM storage.upload_session')).toBe(true);
    });
  });

  describe('claimCompletion', () => {
    const [digest, other] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
    const claimFor = async (sessionId: string, of: string) =>
      (await store.claimCompletion({ sessionId, repository: REPOSITORY }, of))!.claim;

    it('gives the session as it stands, takes the claim, and pushes the expiry out', async () => {
      const { id, claim: earlier } = await claimed();
      await store.advance(id, earlier, PROGRESS);
      await aboutToExpire(id);
      const row = await store.claimCompletion({ sessionId: id, repository: REPOSITORY }, digest);
      expect(row).toMatchObject({ id, ...PROGRESS });
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toEqual(row);
      expect(await secondsLeft(id)).toBeGreaterThan(IDLE_SECONDS - 60);
      expect(await store.keep(id, earlier)).toBe(false);
    });

    it('is the same claim for the same bytes and digest, whatever was claimed between', async () => {
      const { id } = await claimed();
      const first = await claimFor(id, digest);
      expect(await claimFor(id, digest)).toBe(first);
      await store.claim({ sessionId: id, repository: REPOSITORY }, randomUUID(), null);
      expect(await claimFor(id, digest)).toBe(first);
    });

    it('is another one for another digest, session, offset, or object', async () => {
      const { id } = await claimed();
      const claims = [await claimFor(id, digest), await claimFor(id, other)];
      for (const progress of [PROGRESS, { ...PROGRESS, offset: 6 }, { ...PROGRESS, object: { key: 'objects/2' } }]) {
        const claim = randomUUID();
        await store.claim({ sessionId: id, repository: REPOSITORY }, claim, null);
        await store.advance(id, claim, progress);
        claims.push(await claimFor(id, digest));
      }
      claims.push(await claimFor((await claimed()).id, digest));
      expect(new Set(claims).size).toBe(claims.length);
    });

    it("does not know another repository's session, another owner's, nor an expired one", async () => {
      const { id, claim } = await claimed();
      expect(await store.claimCompletion({ sessionId: id, repository: 'acme/other' }, digest)).toBeNull();
      const foreign = { sessionId: id, repository: REPOSITORY, ownerId: randomUUID() };
      expect(await store.claimCompletion(foreign, digest)).toBeNull();
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toMatchObject({ claim });
      await expireAll();
      expect(await store.claimCompletion({ sessionId: id, repository: REPOSITORY }, digest)).toBeNull();
    });
  });

  describe('keep', () => {
    it('pushes the expiry out for the holder of the claim', async () => {
      const { id, claim } = await claimed();
      await aboutToExpire(id);
      expect(await store.keep(id, claim)).toBe(true);
      expect(await secondsLeft(id)).toBeGreaterThan(IDLE_SECONDS - 60);
    });

    it('does nothing for a claim that was taken over', async () => {
      const { id, claim: earlier } = await claimed();
      await store.claim({ sessionId: id, repository: REPOSITORY }, randomUUID(), null);
      await aboutToExpire(id);
      expect(await store.keep(id, earlier)).toBe(false);
      expect(await secondsLeft(id)).toBeLessThan(60);
    });
  });

  describe('remove', () => {
    it('ends the session and gives what it held, once', async () => {
      const { id, claim } = await claimed();
      await store.advance(id, claim, PROGRESS);
      expect(await store.remove({ sessionId: id, repository: REPOSITORY })).toMatchObject({ id, ...PROGRESS });
      expect(await store.remove({ sessionId: id, repository: REPOSITORY })).toBeNull();
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toBeNull();
    });

    it('by its claim ends the session only while that holds it', async () => {
      const { id, claim: earlier } = await claimed();
      const later = randomUUID();
      await store.claim({ sessionId: id, repository: REPOSITORY }, later, null);
      expect(await store.removeClaimed(id, earlier)).toBe(false);
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toMatchObject({ claim: later });
      expect(await store.removeClaimed(id, later)).toBe(true);
      expect(await store.removeClaimed(id, later)).toBe(false);
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).toBeNull();
    });

    it("leaves another repository's session alone", async () => {
      const { id } = await claimed();
      expect(await store.remove({ sessionId: id, repository: 'acme/other' })).toBeNull();
      expect(await store.find({ sessionId: id, repository: REPOSITORY })).not.toBeNull();
    });
  });

  describe('takeExpired', () => {
    it('ends expired sessions by the clock of the database, however the clock of this machine stands', async () => {
      const { id } = await claimed();
      jest.useFakeTimers({ now: Date.now() + 365 * 86_400_000, doNotFake: ['nextTick', 'setImmediate', 'setTimeout'] });
      try {
        expect(await store.takeExpired(10)).toEqual([]);
        await expireAll();
        jest.setSystemTime(0);
        expect(await store.takeExpired(10)).toMatchObject([{ id, repository: REPOSITORY, offset: 0 }]);
      } finally {
        jest.useRealTimers();
      }
    });

    it('takes no more than it was asked for, the longest expired first', async () => {
      const first = await store.create(REPOSITORY, 'sha256');
      const second = await store.create(REPOSITORY, 'sha256');
      await test.rows(
        `UPDATE storage.upload_session SET expires_at = now() - make_interval(secs =>
        CASE WHEN id = $1 THEN 20 ELSE 10 END)`,
        [first],
      );
      expect((await store.takeExpired(1)).map(({ id }) => id)).toEqual([first]);
      expect((await store.takeExpired(1)).map(({ id }) => id)).toEqual([second]);
    });

    it('passes over a session that another worker is taking, instead of waiting for it', async () => {
      const taken = await store.create(REPOSITORY, 'sha256');
      const free = await store.create(REPOSITORY, 'sha256');
      await expireAll();
      const other = await test.session();
      await other.rows('BEGIN');
      await other.rows('SELECT 1 FROM storage.upload_session WHERE id = $1 FOR UPDATE', [taken]);
      expect((await store.takeExpired(10)).map(({ id }) => id)).toEqual([free]);
      await other.rows('ROLLBACK');
    });
  });
});
