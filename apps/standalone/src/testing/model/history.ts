import { eventually } from '@berth/testing';
import { type BlobName, BLOBS, type ManifestName } from './content.js';
import { HOUR, type ModelManifest, type ModelRepository, type Policy, RegistryModel } from './registry-model.js';
import type { Due, RegistryUnderModel } from './registry-under-model.js';

/** What a worker has taken, and what it was for the model: another thing of the same name is not meant. */
interface Taken<Name, State> {
  due: Due<Name>;
  there: ModelRepository | undefined;
  state?: State | undefined;
}

/** Names an operation, before it is done. */
export type Say = (words: string) => void;

/** More hours than any lease, grace, window or age has. */
const LONG = 10;

/** One history: the model and the registry side by side, and what must be true of both after each operation. */
export class History {
  readonly model: RegistryModel;
  /** What was done, in words. */
  readonly operations: string[] = [];
  /** What somebody who pulls may have begun to read, although its row is gone. */
  private readable: { blob: BlobName; key: string; until: number }[] = [];
  private hasOrphans = false;
  /** Of all blobs, when they were compared last. */
  private keys = new Map<BlobName, string>();
  /** What a worker has taken, when it last looked. */
  private links: Taken<BlobName, never>[] = [];
  private manifests: Taken<ManifestName, ModelManifest>[] = [];

  constructor(readonly registry: RegistryUnderModel) {
    this.model = new RegistryModel(registry.timing);
    registry.begin();
  }

  /** The registry has what the model has, statistics included. */
  async compare(): Promise<void> {
    const { lines, keys } = await this.registry.snapshot();
    for (const [blob, key] of this.keys) {
      if (keys.get(blob) === key) continue;
      this.readable.push({ blob, key, until: this.model.now + this.model.timing.pullWindow });
    }
    this.keys = keys;
    const expected = this.model.describe();
    const missing = expected.filter((line) => !lines.includes(line));
    const unexpected = lines.filter((line) => !expected.includes(line));
    if (missing.length + unexpected.length === 0) return;
    throw new Error(
      ['the registry is not what it must be', ...marked('missing', missing), ...marked('there', unexpected)].join('\n'),
    );
  }

  /** Every lease is over, and one policy is everywhere: what is not in use is kept, or due. No upload is open. */
  async release(policy: 0 | 'keep'): Promise<void> {
    const { model, registry } = this;
    // The organisation is made by the first push.
    expectStatus(await registry.pushBlob('a', 'note'), model.pushBlob('a', 'note'));
    for (const [repository, there] of model.repositories) {
      if (there.policy !== null) await this.setPolicy(repository, null);
    }
    await this.setPolicy(null, policy);
    for (; model.uploads.length > 0; model.uploads.pop()) await registry.cancelUpload(0);
    this.operations.push(`the policy becomes ${policy}, and ${LONG} of ${HOUR} seconds pass`);
    await this.passHours(LONG);
    await this.compare();
  }

  /**
   * Behind what several did at the same time: whatever came of it, of what is there nothing is missing, and the statistics are
   * those of the rows. From there on the model has what the registry has.
   */
  async adopt(): Promise<void> {
    const { repositories, keys } = await this.registry.snapshot();
    this.keys = keys;
    this.model.adopt(repositories);
    await this.compare();
    for (const [name, there] of this.model.repositories) {
      const broken = [...there.manifests.keys()].filter((manifest) => !there.hasPartsOf(manifest));
      if (broken.length > 0) throw new Error(`${name} has ${broken.join(', ')} and not all that they refer to`);
    }
    await this.readObjects();
  }

  /** The object of every blob is in the store, and that of a blob which has gone until the pull window is over. */
  async compareObjects(): Promise<void> {
    const stored = new Set(await this.registry.store.keys());
    this.readable = this.readable.filter(({ until }) => until > this.model.now);
    const wanted = [...[...this.keys].map(([blob, key]) => ({ blob, key })), ...this.readable];
    for (const { blob, key } of wanted) if (!stored.has(key)) throw new Error(`the object of ${blob} is gone: ${key}`);
  }

  /** An object that no row knows, as a crash leaves it. */
  async leaveObject(): Promise<void> {
    this.hasOrphans = true;
    await this.registry.leaveObject();
  }

  async passHours(hours: number): Promise<void> {
    this.model.passHours(hours);
    await this.registry.passHours(hours);
  }

  async collect(): Promise<void> {
    this.model.collect();
    await this.registry.collect();
  }

  /** Reviews one link. `anew`: of those that are due now; else of those that were when they were last looked for. */
  async reviewLink(number: number, anew: boolean, say: Say): Promise<void> {
    if (anew || this.links.length === 0) {
      const due = await this.registry.takeDueLinks();
      this.links = due.map((one) => ({ due: one, there: this.model.repositories.get(one.repository) }));
    }
    const taken = this.links[number % this.links.length];
    if (!taken) return;
    const { due, there } = taken;
    say(`blob ${due.name} in ${due.repository}`);
    if (this.isThere(taken) && there!.links.has(due.name)) this.model.reviewLink(there!, due.name);
    await this.registry.reviewLink(due);
  }

  /** As reviewLink. */
  async reviewManifest(number: number, anew: boolean, say: Say): Promise<void> {
    await this.registry.followPolicies();
    this.model.followPolicies();
    if (anew || this.manifests.length === 0) {
      this.manifests = (await this.registry.takeDueManifests()).map((due) => {
        const there = this.model.repositories.get(due.repository);
        return { due, there, state: there?.manifests.get(due.name) };
      });
    }
    const taken = this.manifests[number % this.manifests.length];
    if (!taken) return;
    const { due, there, state } = taken;
    say(`manifest ${due.name} in ${due.repository}`);
    if (this.isThere(taken) && there!.manifests.get(due.name) === state) this.model.reviewManifest(there!, due.name);
    await this.registry.reviewManifest(due);
  }

  /**
   * What is there is served, byte for byte; when every lease is over and nothing is due any more, it is so of what is left;
   * and when nothing is wanted any more, nothing is left.
   */
  async end(): Promise<void> {
    const { model, registry } = this;
    await this.readObjects();
    for (let left = model.uploads.length; left > 0; left--) await registry.cancelUpload(0);
    model.uploads.length = 0;
    await this.settle(2);
    await this.readObjects();
    await this.pullAll();
    for (const [repository, { tags, policy }] of model.repositories) {
      for (const tag of [...tags.keys()]) {
        expectStatus(await registry.deleteTag(repository, tag), model.deleteTag(repository, tag));
      }
      if (policy !== null) await this.setPolicy(repository, null);
    }
    if (model.repositories.size > 0) await this.setPolicy(null, 0);
    await this.settle(3);
    for (const [repository, { links, manifests }] of model.repositories) {
      if (links.size + manifests.size > 0) throw new Error(`the model keeps something in ${repository}`);
      await registry.deleteRepository(repository);
      model.deleteRepository(repository);
    }
    await this.compare();
    if (this.hasOrphans) await registry.compareObjects();
    await registry.deleteObjects();
    const rows = await registry.rowsLeft();
    if (rows > 0) throw new Error(`${rows} rows are left`);
    // Of a cancelled upload storage removes the object behind its answer.
    await eventually(async () => (await registry.store.keys()).length === 0, { what: 'no object is left', every: 5 });
  }

  /** The repository as it was when the worker looked, not another one of its name. */
  private isThere({ due, there }: Taken<string, unknown>): boolean {
    return there !== undefined && this.model.repositories.get(due.repository) === there;
  }

  private async setPolicy(repository: string | null, policy: Policy | null): Promise<void> {
    this.model.setPolicy(repository, policy);
    await this.registry.setPolicy(repository, policy);
  }

  /** Every lease is over; in each round so is every grace, age and window that began in the one before. */
  private async settle(most: number): Promise<void> {
    for (let rounds = 0; rounds < most; rounds++) {
      await this.passHours(LONG);
      await this.collect();
      await this.compare();
    }
    await this.compareObjects();
  }

  private async pullAll(): Promise<void> {
    for (const [repository, { manifests }] of this.model.repositories) {
      for (const name of manifests.keys()) {
        this.model.readManifest(repository, name);
        expectStatus(await this.registry.pull(repository, name), 200);
      }
    }
  }

  /** From the store itself: the gateway may have in its memory what it serves. */
  private async readObjects(): Promise<void> {
    for (const [blob, key] of this.keys) {
      const bytes = await this.registry.store.read(key);
      if (!bytes.equals(BLOBS[blob].bytes)) throw new Error(`other bytes are stored of ${blob}`);
    }
  }
}

export function expectStatus(status: number, expected: number): void {
  if (status !== expected) throw new Error(`answered ${status} where ${expected} is right`);
}

const marked = (mark: string, lines: string[]): string[] => lines.map((line) => `  ${mark}: ${line}`);
