import { globSync } from 'node:fs';
import { deployMigrations } from '@berth/metadata';
import { loadSettings } from '@berth/platform';
import {
  type Blob,
  contentOf,
  eventually,
  findMinio,
  randomBlob,
  RegistryClient,
  requireOrSkip,
  startMinio,
  startPostgres,
  tempFolder,
  type TestMinio,
  type TestPostgres,
  type UploadSession,
} from '@berth/testing';
import fc from 'fast-check';
import { type Standalone, startStandalone } from './standalone.js';

jest.setTimeout(120_000);

/** The last is more than one part of a multipart upload. */
const SIZES = [20, 9_000_000];
const ENDS = ['commits', 'commits in one PUT', 'wrong digest', 'cancels', 'expires', 'commits, then deletes'] as const;
type End = (typeof ENDS)[number];

/** One client's upload, as steps that others' steps come between. */
interface Upload {
  repository: string;
  end: End;
  steps: (() => Promise<void>)[];
}

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

const STORES = [
  { store: 'a folder', reason: undefined, isS3: false },
  { store: 'S3', reason: findMinio().reason, isS3: true },
];

describe.each(STORES)('uploads of one digest at the same time, on $store', ({ store, reason, isS3 }) => {
  requireOrSkip(`uploads of one digest on ${store}`, reason)('by several clients', () => {
    const temp = tempFolder();
    let minio: TestMinio | undefined;
    let registry: Standalone;
    let client: RegistryClient;
    beforeAll(async () => {
      const url = await postgres.createDatabase();
      await deployMigrations(url);
      minio = isS3 ? await startMinio() : undefined;
      const settings = loadSettings({
        BERTH_PORT: '0',
        BERTH_INTERNAL_PORT: '0',
        BERTH_LOG_LEVEL: 'silent',
        BERTH_OPEN: 'true',
        BERTH_DATA_DIR: temp.path,
        BERTH_DATABASE_URL: url,
        BERTH_SECRET_KEY: 's'.repeat(32),
        BERTH_ADMIN_PASSWORD: 'correct horse battery',
        BERTH_READ_GRANT_SECONDS: '1',
        BERTH_UPLOAD_IDLE_SECONDS: '60',
        BERTH_BLOB_STORE: minio ? 's3' : 'filesystem',
        ...(minio && {
          BERTH_S3_ENDPOINT: minio.endpoint,
          BERTH_S3_ACCESS_KEY: minio.accessKey,
          BERTH_S3_SECRET_KEY: minio.secretKey,
        }),
      });
      registry = await startStandalone(settings);
      client = new RegistryClient(registry.address);
      await eventually(async () => (await fetch(`${registry.address}/readyz`)).ok, { what: 'the bucket is there' });
    });
    afterAll(async () => {
      await registry.stop();
      await minio?.stop();
      temp.remove();
    });

    const content = async () => {
      if (!minio) return globSync('**/objects/*/*', { cwd: temp.path });
      const { keys, incomplete } = await contentOf(minio, 'berth');
      return [...keys, ...incomplete];
    };
    const expire = async (session: UploadSession) => {
      const text = `UPDATE storage.upload_session SET expires_at = now() - interval '1 second' WHERE id = $1::uuid`;
      const id = new URL(session.location, registry.address).pathname.split('/').at(-1)!;
      await registry.host.database!.rows({ name: 'test-expire', text }, [id]);
    };

    function anUpload(repository: string, blob: Blob, end: End): Upload {
      let session: UploadSession;
      const half = blob.size >> 1;
      const [first, second] = [blob.bytes.subarray(0, half), blob.bytes.subarray(half)];
      const start = async () => void (session = await client.startUpload(repository));
      const sendFirst = async () => void (await session.patch(first, 0)).expect(202);
      const sendSecond = async () => void (await session.patch(second, half)).expect(202);
      const commit = async () => void (await session.finish(blob.digest)).expect(201);
      const steps: Record<End, (() => Promise<void>)[]> = {
        commits: [start, sendFirst, sendSecond, commit],
        'commits in one PUT': [start, async () => void (await session.finish(blob.digest, blob.bytes)).expect(201)],
        'wrong digest': [
          start,
          sendFirst,
          async () => void (await session.finish(blob.digest)).expect(400),
          async () => void (await session.cancel()).expect(204, 404),
        ],
        cancels: [start, sendFirst, async () => void (await session.cancel()).expect(204)],
        expires: [start, sendFirst, () => expire(session)],
        'commits, then deletes': [
          start,
          sendFirst,
          sendSecond,
          commit,
          // Another client of this repository may have been faster.
          async () => void (await client.deleteBlob(repository, blob.digest)).expect(202, 404),
        ],
      };
      return { repository, end, steps: steps[end] };
    }

    async function expectBlob(repository: string, blob: Blob): Promise<void> {
      const { bytes } = (await client.getBlob(repository, blob.digest)).expect(200);
      expect(bytes.equals(blob.bytes)).toBe(true);
    }

    /** Each `turn` is a step of the upload that it names; what is left then is done in order. */
    async function interleave(uploads: Upload[], turns: number[], blob: Blob): Promise<void> {
      const there = new Set<string>();
      const waiting = uploads.map(({ steps }) => [...steps]);
      const order = [...turns, ...waiting.flatMap((steps, n) => steps.map(() => n))];
      for (const turn of order) {
        const n = turn % uploads.length;
        const step = waiting[n]!.shift();
        if (!step) continue;
        await step();
        const { repository, end } = uploads[n]!;
        if (!end.startsWith('commits')) continue;
        if (end === 'commits, then deletes' && waiting[n]!.length === 0) there.delete(repository);
        else if (waiting[n]!.length === (end === 'commits, then deletes' ? 1 : 0)) there.add(repository);
        for (const name of there) await expectBlob(name, blob);
      }
      for (const repository of repositoriesOf(uploads)) {
        const { status } = await client.headBlob(repository, blob.digest);
        expect([repository, status]).toEqual([repository, there.has(repository) ? 200 : 404]);
        // A fresh upload after all that is as good as the first one.
        await client.pushBlob(repository, blob, 'chunked', Math.ceil(blob.size / 2));
        await expectBlob(repository, blob);
      }
    }

    const run = (ends: End[], turns: number[], size: number, shared: boolean): Promise<void> => {
      const [blob, id] = [randomBlob(size), crypto.randomUUID()];
      const uploads = ends.map((end, n) => anUpload(`one/${id}-${shared ? 0 : n}`, blob, end));
      live.push({ blob, repositories: repositoriesOf(uploads) });
      return interleave(uploads, turns, blob);
    };
    const live: { blob: Blob; repositories: string[] }[] = [];

    it.each(
      ENDS.flatMap((other) =>
        [true, false].map((shared) => ({ other, where: shared ? 'the same' : 'another', shared })),
      ),
    )('one commits while another in $where repository $other', async ({ other, shared }) => {
      for (const size of SIZES) {
        await run(['commits', other], [0, 1, 0, 1, 0, 1, 1, 0], size, shared);
        await run([other, 'commits'], [0, 1, 1, 0, 1, 1, 0, 0], size, shared);
      }
    });

    it('any of them in any order', async () => {
      const ends = fc.array(fc.constantFrom(...ENDS), { minLength: 2, maxLength: 4 });
      const turns = fc.array(fc.nat(3), { maxLength: 16 });
      const property = fc.asyncProperty(ends, turns, fc.constantFrom(...SIZES), fc.boolean(), run);
      await fc.assert(property, { numRuns: 20, endOnFailure: true });
    });

    it('leave one object of each digest, whole, and nothing else in the store', async () => {
      await registry.host.database!.rows(
        { name: 'test-due', text: 'UPDATE registry.object_deletion SET not_before = now()' },
        [],
      );
      await eventually(async () => (await content()).length === live.length, {
        what: 'all that is not needed is gone',
        within: 60_000,
      });
      for (const { blob, repositories } of live) for (const name of repositories) await expectBlob(name, blob);
    });
  });
});

const repositoriesOf = (uploads: Upload[]): string[] => [...new Set(uploads.map(({ repository }) => repository))];
