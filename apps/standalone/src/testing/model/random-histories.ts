import fc from 'fast-check';
import { BLOB_NAMES, type BlobName, MANIFEST_NAMES, type ManifestName } from './content.js';
import * as operation from './operations.js';
import { type Act, Operation } from './operations.js';
import { AGES, ALL_NAMES, type Policy, type RegistryModel } from './registry-model.js';

const repository = fc.constantFrom('a', 'b');
const tag = fc.constantFrom('v1', 'v2');
const tagOrNone = fc.option(tag);
const blob = fc.constantFrom(...BLOB_NAMES);
const manifest = fc.constantFrom(...MANIFEST_NAMES);
const policy = fc.constantFrom<Policy | null>('keep', ...AGES, null);
/** Which of those that are there. */
const which = fc.nat({ max: 7 });

const weighted = (weight: number, arbitrary: fc.Arbitrary<Act>): fc.WeightedArbitrary<Act> => ({ weight, arbitrary });

/** An operation on something that is there when its time has come: on something that is not, where nothing is. */
const chosen =
  (choose: (model: RegistryModel) => Act): Act =>
  (history, model, say) =>
    choose(model)(history, model, say);
const someBlob = (model: RegistryModel, repository: string, number: number): BlobName =>
  pick([...model.at(repository).links.keys()], number) ?? 'base';
const someManifest = (model: RegistryModel, repository: string, number: number): ManifestName =>
  pick([...model.at(repository).manifests.keys()], number) ?? 'web';
const pick = <Thing>(things: Thing[], number: number): Thing | undefined => things[number % things.length];

const onBlob = (act: (repository: string, blob: BlobName) => Act) =>
  fc.tuple(repository, which).map(([at, number]) => chosen((model) => act(at, someBlob(model, at, number))));
const onManifest = (act: (repository: string, name: ManifestName) => Act) =>
  fc.tuple(repository, which).map(([at, number]) => chosen((model) => act(at, someManifest(model, at, number))));

const OPERATIONS = [
  weighted(
    8,
    fc.tuple(repository, manifest, tagOrNone).map((what) => operation.push(...what)),
  ),
  weighted(
    4,
    fc.tuple(repository, blob).map((what) => operation.pushBlob(...what)),
  ),
  weighted(
    5,
    fc
      .tuple(repository, repository, which)
      .map(([to, from, number]) => chosen((model) => operation.mount(to, someBlob(model, from, number), from))),
  ),
  weighted(5, onBlob(operation.headBlob)),
  weighted(1, onBlob(operation.deleteBlob)),
  weighted(
    2,
    fc.tuple(repository, blob).map((what) => operation.beginUpload(...what)),
  ),
  weighted(
    4,
    fc.tuple(which, fc.boolean()).map((what) => operation.endUpload(...what)),
  ),
  weighted(
    4,
    fc.tuple(repository, manifest, tagOrNone).map((what) => operation.putManifest(...what)),
  ),
  weighted(3, onManifest(operation.headManifest)),
  weighted(2, onManifest(operation.pull)),
  weighted(
    3,
    fc.tuple(repository, tag).map((what) => operation.deleteTag(...what)),
  ),
  weighted(3, onManifest(operation.deleteManifest)),
  weighted(
    1,
    fc.tuple(repository, manifest).map((what) => operation.listReferrers(...what)),
  ),
  weighted(1, repository.map(operation.deleteRepository)),
  weighted(
    3,
    fc.tuple(fc.option(repository), policy).map((what) => operation.setPolicy(...what)),
  ),
  weighted(2, fc.constantFrom(...ALL_NAMES).map(operation.explain)),
  weighted(8, fc.constantFrom(1, 2, 3, 4).map(operation.pass)),
  weighted(
    6,
    fc.tuple(which, fc.boolean()).map((what) => operation.reviewLink(...what)),
  ),
  weighted(
    5,
    fc.tuple(which, fc.boolean()).map((what) => operation.reviewManifest(...what)),
  ),
  weighted(4, fc.constant(operation.collect)),
  weighted(2, fc.constant(operation.deleteObjects)),
  weighted(2, fc.boolean().map(operation.compareObjects)),
];

/** Histories of up to `most` operations. */
export const histories = (most: number) =>
  fc.commands([fc.oneof(...OPERATIONS).map((act) => new Operation(act))], { maxCommands: most, size: 'max' });
