import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import {
  ALL_BUT_DATE,
  basic,
  claimsOf,
  digestOf,
  eventually,
  exchange,
  randomBlob,
  type RegistryClient,
} from '@berth/testing';
import { type Standalone, startStandalone } from './standalone.js';
import { BOB, LARGEST_BLOB, startWholeRegistry, type WholeRegistry } from './testing/whole-registry.js';

jest.setTimeout(60_000);

describe(startStandalone, () => {
  let whole: WholeRegistry;
  let registry: Standalone;
  let admin: RegistryClient;
  let bob: RegistryClient;
  beforeAll(async () => {
    whole = await startWholeRegistry();
    ({ registry, admin, bob } = whole);
  });
  afterAll(() => whole.stop());

  const pieces = (size: number) => {
    const whole = Buffer.alloc(size, 'berth');
    return Array.from({ length: Math.ceil(size / 65_536) }, (_, n) => whole.subarray(n * 65_536, (n + 1) * 65_536));
  };
  const filesBelow = async (folder: string) =>
    (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;

  it.each(['single-post', 'post-put', 'chunked', 'stream'] as const)('takes a blob by %s', async (form) => {
    const blob = randomBlob(300_000);
    await admin.pushBlob('team/blobs', blob, form, 100_000);
    expect((await admin.getBlob('team/blobs', blob.digest)).expect(200).bytes.equals(blob.bytes)).toBe(true);
  });

  describe('an upload', () => {
    it('of a chunk that is not as long as it says stores nothing, and goes on', async () => {
      const blob = randomBlob(1_000);
      const session = await admin.startUpload('team/app');
      const wrong = await session.patch(blob.bytes, 0, { headers: { 'content-range': '0-1999' } });
      expect(wrong.expect(400).codes).toEqual(['SIZE_INVALID']);
      expect((await session.status()).expect(204).header('range')).toBe('0-0');
      (await session.patch(blob.bytes.subarray(0, 500), 0)).expect(202);
      (await session.patch(blob.bytes.subarray(500), 600)).expect(416);
      expect((await session.status()).expect(204).header('range')).toBe('0-499');
      (await session.finish(blob.digest, blob.bytes.subarray(500))).expect(201);
    });

    it('cannot be seen, continued, completed or cancelled through another repository', async () => {
      const session = await admin.startUpload('team/app');
      const id = basename(new URL(session.location, registry.address).pathname);
      const blob = randomBlob(10);
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
        const query: Record<string, string> = method === 'PUT' ? { digest: blob.digest } : {};
        const body = method === 'PATCH' || method === 'PUT' ? blob.bytes : undefined;
        const scopes = ['repository:team/other:pull,push,delete'];
        const answer = await admin.call(method, `/v2/team/other/blobs/uploads/${id}`, scopes, { query, body });
        expect([method, answer.status, answer.codes]).toEqual([method, 404, ['BLOB_UPLOAD_UNKNOWN']]);
      }
      (await session.finish(blob.digest, blob.bytes)).expect(201);
    });

    describe('of another user, who may push there too', () => {
      const methods = async (id: string, headers: Record<string, string>) => {
        const blob = randomBlob(10);
        const answers: [string, number, string[]][] = [];
        for (const method of ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE']) {
          const url = `${registry.address}/v2/team/app/blobs/uploads/${id}${method === 'PUT' ? `?digest=${blob.digest}` : ''}`;
          const body = method === 'PATCH' || method === 'PUT' ? blob.bytes : undefined;
          const answer = await exchange({ method, url, headers, body });
          answers.push([method, answer.status, answer.codes]);
        }
        return answers;
      };
      const unknown = ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'].map((method) => [
        method,
        404,
        method === 'HEAD' ? [] : ['BLOB_UPLOAD_UNKNOWN'],
      ]);
      const idOf = ({ location }: { location: string }) => basename(new URL(location, registry.address).pathname);

      it('does not exist, with a token and with a password', async () => {
        const session = await admin.startUpload('team/app');
        const bearer = (await bob.tokenFor(['repository:team/app:pull,push']))!;
        expect(claimsOf(bearer.replace('Bearer ', '')).access?.[0]?.actions).toEqual(['pull', 'push']);
        for (const authorization of [bearer, basic(BOB)]) {
          expect(await methods(idOf(session), { authorization })).toEqual(unknown);
        }
        const blob = randomBlob(10);
        (await session.finish(blob.digest, blob.bytes)).expect(201);
      });

      it('can still be one of their own', async () => {
        const blob = randomBlob(1_000);
        await bob.pushBlob('team/app', blob, 'chunked', 100);
        (await admin.getBlob('team/app', blob.digest)).expect(200);
      });
    });

    describe('whose token ends on the way', () => {
      const HALF_AN_HOUR = 1_800_000;
      // Only the clock moves: what waits for promises and I/O goes on as ever. The database keeps its own time.
      const laterBy = (milliseconds: number) =>
        jest.useFakeTimers({ now: Date.now() + milliseconds, doNotFake: [...ALL_BUT_DATE] });
      afterEach(() => jest.useRealTimers());

      it('runs to its end in the request that was under way', async () => {
        const blob = randomBlob(1_000);
        const session = await admin.startUpload('team/app');
        const claim = { name: 'test-claim', text: 'SELECT claim FROM storage.upload_session WHERE id = $1' };
        const begun = async () => {
          const rows = await registry.host.database!.rows<{ claim: string | null }>(claim, [
            basename(session.location),
          ]);
          return rows[0]!.claim;
        };
        const body = async function* () {
          yield blob.bytes.subarray(0, 400);
          await eventually(begun, { what: 'the request is under way' });
          laterBy(2 * HALF_AN_HOUR);
          yield blob.bytes.subarray(400);
        };
        expect((await session.stream(body())).expect(202).header('range')).toBe('0-999');
        (await admin.headBlob('team/app', blob.digest)).expect(401);
        (await session.finish(blob.digest)).expect(201);
      });

      it('goes on with that token, and with no other request', async () => {
        const blob = randomBlob(1_000);
        const session = await admin.startUpload('team/app');
        (await session.patch(blob.bytes.subarray(0, 400), 0)).expect(202);
        const again = await bob.startUpload('team/app');
        laterBy(2 * HALF_AN_HOUR);
        (await session.patch(blob.bytes.subarray(400, 800), 400)).expect(202);
        expect((await session.status()).expect(204).header('range')).toBe('0-799');
        const refused = await admin.postUpload('team/app');
        expect(refused.expect(401).header('www-authenticate')).toContain('error="invalid_token"');
        (await admin.headBlob('team/app', blob.digest)).expect(401);
        (await session.finish(blob.digest, blob.bytes.subarray(800))).expect(201);
        (await again.cancel()).expect(204);
      });

      it('goes on only as long as the user is enabled and has the right', async () => {
        const { prisma } = registry.host.database!;
        const session = await bob.startUpload('team/app');
        laterBy(2 * HALF_AN_HOUR);
        (await session.patch(Buffer.alloc(100), 0)).expect(202);
        const { id } = (await prisma.user.findFirst({ where: { name: BOB.user } }))!;
        await prisma.organisationPermission.updateMany({ where: { userId: id }, data: { auth: 1 } });
        expect((await session.patch(Buffer.alloc(100), 100)).expect(403).codes).toEqual(['DENIED']);
        await prisma.organisationPermission.updateMany({ where: { userId: id }, data: { auth: 3 } });
        (await session.patch(Buffer.alloc(100), 100)).expect(202);
        await prisma.user.update({ where: { id }, data: { disabledAt: new Date() } });
        const refused = await session.patch(Buffer.alloc(100), 200);
        expect(refused.expect(401).header('www-authenticate')).toContain('error="invalid_token"');
        await prisma.user.update({ where: { id }, data: { disabledAt: null } });
        (await session.cancel()).expect(204);
      });

      it('does not go on with one that was started behind its end, nor with one of another user', async () => {
        const session = await admin.startUpload('team/app');
        const other = await bob.startUpload('team/app');
        const token = (await bob.tokenFor(['repository:team/app:pull,push']))!;
        const id = basename(session.location);
        await registry.host.database!.rows(
          {
            name: 'test-later',
            text: `UPDATE storage.upload_session SET started_at = now() + interval '1 hour' WHERE id = $1`,
          },
          [basename(other.location)],
        );
        (await other.status()).expect(204);
        laterBy(2 * HALF_AN_HOUR);
        expect((await other.status()).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        expect((await other.cancel()).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
        const foreign = { method: 'GET', url: `${registry.address}/v2/team/app/blobs/uploads/${id}` };
        (await exchange({ ...foreign, headers: { authorization: token } })).expect(404);
      });

      it('is over a day later', async () => {
        const session = await admin.startUpload('team/app');
        laterBy(86_400_000 + 2 * HALF_AN_HOUR);
        (await session.status()).expect(401);
      });
    });

    it('that goes on for longer than a week is gone', async () => {
      const [session, other] = [await admin.startUpload('team/app'), await admin.startUpload('team/app')];
      (await session.patch(Buffer.from('x'), 0)).expect(202);
      const id = basename(new URL(session.location, registry.address).pathname);
      const text = `UPDATE storage.upload_session SET started_at = now() - interval '7 days' WHERE id = $1`;
      await registry.host.database!.rows({ name: 'test-age', text }, [id]);
      const digest = digestOf(Buffer.from('x'));
      const answers = [
        await session.patch(Buffer.from('y'), 1),
        await session.finish(digest),
        await session.finish(digest, Buffer.from('y')),
        await session.status(),
      ];
      for (const answer of answers) expect(answer.expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
      (await other.finish(digest, Buffer.from('x'))).expect(201);
    });

    it('that was cancelled is gone', async () => {
      const session = await admin.startUpload('team/app');
      (await session.patch(Buffer.from('x'), 0)).expect(202);
      (await session.cancel()).expect(204);
      expect((await session.status()).expect(404).codes).toEqual(['BLOB_UPLOAD_UNKNOWN']);
    });

    it('of other bytes than its digest makes no blob', async () => {
      const before = await whole.count('registry.blob');
      for (const form of ['post-put', 'single-post', 'stream'] as const) {
        const blob = { ...randomBlob(100), digest: randomBlob(100).digest };
        await expect(admin.pushBlob('team/app', blob, form)).rejects.toThrow('DIGEST_INVALID');
      }
      expect(await whole.count('registry.blob')).toBe(before);
    });

    it('in one POST that fails leaves neither session nor bytes', async () => {
      const before = [await whole.count('storage.upload_session'), await filesBelow(whole.folder)];
      const blob = randomBlob(10_000);
      const post = { query: { digest: randomBlob(1).digest }, body: blob.bytes };
      expect((await admin.postUpload('team/app', post)).expect(400).codes).toEqual(['DIGEST_INVALID']);
      const stream = { query: { digest: blob.digest }, body: () => Readable.from(pieces(LARGEST_BLOB + 1)) };
      expect((await admin.postUpload('team/app', stream)).expect(413).codes).toEqual(['SIZE_INVALID']);
      const after = async () => [await whole.count('storage.upload_session'), await filesBelow(whole.folder)];
      await eventually(async () => isDeepStrictEqual(await after(), before), { what: 'all is as it was' });
    });

    it('that becomes too large is refused wherever it notices, and can go on or be cancelled', async () => {
      const session = await admin.startUpload('team/app');
      const bytes = Buffer.concat(pieces(LARGEST_BLOB));
      (await session.patch(bytes.subarray(0, -10), 0)).expect(202);
      const tooMuch = [
        await session.stream(pieces(20)),
        await session.patch(Buffer.alloc(20), LARGEST_BLOB - 10),
        await session.finish(randomBlob(1).digest, Buffer.alloc(11)),
        await session.patch(Buffer.alloc(LARGEST_BLOB + 1), 0),
      ];
      for (const answer of tooMuch) expect([answer.status, answer.codes]).toEqual([413, ['SIZE_INVALID']]);
      expect((await session.status()).expect(204).header('range')).toBe(`0-${LARGEST_BLOB - 11}`);
      (await session.finish(digestOf(bytes), bytes.subarray(-10))).expect(201);
      const cancelled = await admin.startUpload('team/app');
      (await cancelled.stream(pieces(LARGEST_BLOB + 1))).expect(413);
      (await cancelled.cancel()).expect(204);
    });
  });
});
