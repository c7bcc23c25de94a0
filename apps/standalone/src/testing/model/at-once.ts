import fc from 'fast-check';
import { type BlobName, BLOB_NAMES, MANIFEST_NAMES, type ManifestName, MANIFESTS } from './content.js';
import type { History } from './history.js';
import { LEASE, wholeOf } from './registry-model.js';
import type { RegistryUnderModel } from './registry-under-model.js';

/** What one client does, in order, while others do theirs. A tag is its own: nobody else touches it. */
export type Errand =
  | { kind: 'push'; repository: string; name: ManifestName; by: 'upload' | 'mount' }
  | { kind: 'delete tag'; repository: string }
  | { kind: 'delete manifest'; repository: string; name: ManifestName }
  | { kind: 'delete blob'; repository: string; blob: BlobName }
  | { kind: 'delete repository'; repository: string }
  | { kind: 'cancel an upload'; repository: string; blob: BlobName }
  | { kind: 'pull'; repository: string; name: ManifestName };

/** Of the collectors: all that is due, or a run of the comparison of rows and objects. */
export type Sweep = 'collect' | 'compare';

/** Two or three clients and up to two collectors, all of whom begin at the same moment. */
export interface AtOnce {
  clients: Errand[][];
  collectors: Sweep[][];
}

const repository = fc.constantFrom('a', 'b');
const name = fc.constantFrom(...MANIFEST_NAMES);
const blob = fc.constantFrom(...BLOB_NAMES);
const kind = <Kind extends Errand['kind']>(kind: Kind) => fc.constant(kind);

const errand: fc.Arbitrary<Errand> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ kind: kind('push'), repository, name, by: fc.constantFrom('upload', 'mount') }),
  },
  { weight: 4, arbitrary: fc.record({ kind: kind('delete tag'), repository }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('delete manifest'), repository, name }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('delete blob'), repository, blob }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('delete repository'), repository }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('cancel an upload'), repository, blob }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('pull'), repository, name }) },
);

export const atOnce: fc.Arbitrary<AtOnce> = fc.record({
  clients: fc.array(fc.array(errand, { minLength: 1, maxLength: 4, size: 'max' }), {
    minLength: 2,
    maxLength: 3,
    size: 'max',
  }),
  collectors: fc.array(
    fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.constant<Sweep>('collect') },
        { weight: 1, arbitrary: fc.constant<Sweep>('compare') },
      ),
      {
        minLength: 1,
        maxLength: 6,
        size: 'max',
      },
    ),
    { minLength: 1, maxLength: 2, size: 'max' },
  ),
});

/** Done, from one moment to another. */
interface Deed {
  client: number;
  errand: Errand;
  began: number;
  ended: number;
  /** Of a push: whether it was acknowledged; of a deletion: whether something went. */
  isDone: boolean;
  /** Of a push: a part of it was not uploaded, since a HEAD had found it. */
  hasRelied: boolean;
}

/** Does all of it, and holds what comes of it against what was acknowledged. */
export async function doAtOnce(history: History, { clients, collectors }: AtOnce): Promise<void> {
  const { registry, operations } = history;
  // A HEAD writes nothing where a manifest has the blob: when that goes, the grace is all that the blob has.
  const isHeadPromise = registry.timing.grace >= LEASE;
  const deeds: Deed[] = [];
  const all = [
    ...clients.map(async (errands, client) => {
      for (const errand of errands) {
        const began = performance.now();
        const answers: string[] = [];
        const isDone = await run(registry, errand, tagOf(client), answers);
        const hasRelied = answers.includes('200');
        deeds.push({ client, errand, began, ended: performance.now(), isDone, hasRelied });
        operations.push(`client ${client}: ${inWords(errand)}: ${answers.join(', ')}`);
      }
    }),
    ...collectors.map(async (sweeps) => {
      for (const sweep of sweeps) await (sweep === 'collect' ? registry.collect() : registry.compareObjects());
    }),
  ];
  const failure = (await Promise.allSettled(all)).find((one) => one.status === 'rejected');
  if (failure) throw failure.reason;
  operations.push(`meanwhile: ${collectors.map((sweeps) => sweeps.join(', ')).join('; and: ')}`);
  for (const deed of deeds) if (isHeadPromise || !deed.hasRelied) assertAcknowledged(deed, deeds);
  await history.adopt();
  for (const [client] of clients.entries()) assertTags(history, client, deeds);
}

const tagOf = (client: number): string => `c${client}`;

async function run(registry: RegistryUnderModel, errand: Errand, tag: string, answers: string[]): Promise<boolean> {
  const answered = (status: number): number => {
    answers.push(String(status));
    if (status >= 500) throw new Error(`${inWords(errand)}: answered ${answers.join(', ')}`);
    return status;
  };
  const { repository } = errand;
  switch (errand.kind) {
    case 'push':
      return push(registry, errand, tag, answered);
    case 'delete tag':
      return answered(await registry.deleteTag(repository, tag)) === 202;
    case 'delete manifest':
      return answered(await registry.deleteManifest(repository, errand.name)) === 202;
    case 'delete blob':
      return answered(await registry.deleteBlob(repository, errand.blob)) === 202;
    case 'delete repository':
      return registry.deleteRepository(repository);
    case 'cancel an upload':
      return answered(await registry.cancelOwn(repository, errand.blob)) === 204;
    case 'pull':
      return answered(await registry.pullOrMiss(repository, errand.name)) === 200;
  }
}

/** As clients do. False at the first refusal. */
async function push(
  registry: RegistryUnderModel,
  { repository, name, by }: Errand & { kind: 'push' },
  tag: string,
  answered: (status: number) => number,
): Promise<boolean> {
  const other = repository === 'a' ? 'b' : 'a';
  for (const part of wholeOf(name)) {
    for (const blob of MANIFESTS[part].blobs) {
      if (by === 'mount' && answered(await registry.mount(repository, blob, other)) === 201) continue;
      if (answered(await registry.headBlob(repository, blob)) === 200) continue;
      if (answered(await registry.pushBlob(repository, blob)) !== 201) return false;
    }
    if (answered(await registry.putManifest(repository, part, part === name ? tag : null)) !== 201) return false;
  }
  return true;
}

/** A push is acknowledged, unless somebody took away at the same time what it had put there. */
function assertAcknowledged({ errand, client, began, isDone }: Deed, deeds: Deed[]): void {
  if (errand.kind !== 'push' || isDone) return;
  const parts = wholeOf(errand.name);
  const others = deeds.filter((other) => other.client !== client && other.ended >= began);
  if (others.some((other) => takesAway(other, errand.repository, parts))) return;
  throw new Error(`client ${client}: ${inWords(errand)}: refused, and nobody deleted any of it`);
}

/** A repository that is deleted goes in steps: some may be done where a tag that comes then keeps it. */
function takesAway({ errand, isDone }: Deed, repository: string, parts: ManifestName[]): boolean {
  if (errand.repository !== repository) return false;
  if (errand.kind === 'delete repository') return true;
  if (errand.kind === 'delete manifest') return isDone && parts.includes(errand.name);
  return errand.kind === 'delete blob' && isDone && parts.some((part) => MANIFESTS[part].blobs.includes(errand.blob));
}

/** A tag names what its client pushed last, unless somebody deleted that, or the client the tag. */
function assertTags(history: History, client: number, deeds: Deed[]): void {
  for (const repository of ['a', 'b']) {
    const own = deeds.filter((deed) => deed.client === client && deed.errand.repository === repository);
    const last = own.findLast(
      ({ errand, isDone }) => (errand.kind === 'push' && isDone) || errand.kind === 'delete tag',
    );
    const named = history.model.at(repository).tags.get(tagOf(client));
    const pushed = last?.errand.kind === 'push' ? last.errand.name : undefined;
    if (named === pushed) continue;
    const isDeleted = deeds.some(
      ({ errand, ended, isDone }) =>
        isDone &&
        ended >= (last?.began ?? 0) &&
        errand.kind === 'delete manifest' &&
        errand.repository === repository &&
        errand.name === pushed,
    );
    if (named !== undefined || !isDeleted) {
      throw new Error(
        `tag ${tagOf(client)} in ${repository} names ${named ?? 'nothing'} and not ${pushed ?? 'nothing'}`,
      );
    }
  }
}

function inWords(errand: Errand): string {
  const what = 'name' in errand ? errand.name : 'blob' in errand ? errand.blob : '';
  const how = errand.kind === 'push' && errand.by === 'mount' ? ', with mounts from the other one,' : '';
  return `${errand.kind} ${what}${how} in ${errand.repository}`;
}
