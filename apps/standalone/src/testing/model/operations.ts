import fc from 'fast-check';
import { type BlobName, type ManifestName, MANIFESTS } from './content.js';
import { expectStatus, type History, type Say } from './history.js';
import { HOUR, type Policy, type RegistryModel, wholeOf } from './registry-model.js';

/** On both sides. `say` gives it in words, which may depend on what is there; what does nothing says nothing. */
export type Act = (history: History, model: RegistryModel, say: Say) => Promise<void>;

/** One operation of a history, behind which model and registry are compared. */
export class Operation implements fc.AsyncCommand<RegistryModel, History> {
  constructor(private readonly act: Act) {}

  check(): boolean {
    return true;
  }

  async run(model: RegistryModel, history: History): Promise<void> {
    await this.act(history, model, (words) => history.operations.push(words));
    await history.compare();
  }
}

const as = (tag: string | null): string => (tag === null ? 'by digest' : `as ${tag}`);

/** As clients do: asks for each blob, uploads what is not there, then the manifest, and an index behind its images. */
export function push(repository: string, name: ManifestName, tag: string | null): Act {
  return async ({ registry }, model, say) => {
    say(`push ${name} with all its parts to ${repository} ${as(tag)}`);
    for (const part of wholeOf(name)) {
      for (const blob of MANIFESTS[part].blobs) {
        const status = await registry.headBlob(repository, blob);
        expectStatus(status, model.headBlob(repository, blob));
        if (status === 404) {
          expectStatus(await registry.pushBlob(repository, blob), model.pushBlob(repository, blob));
        }
      }
      const tagOfPart = part === name ? tag : null;
      const status = await registry.putManifest(repository, part, tagOfPart);
      expectStatus(status, model.putManifest(repository, part, tagOfPart));
    }
  };
}

export function pushBlob(repository: string, blob: BlobName): Act {
  return async ({ registry }, model, say) => {
    say(`push blob ${blob} to ${repository}`);
    expectStatus(await registry.pushBlob(repository, blob), model.pushBlob(repository, blob));
  };
}

export function mount(repository: string, blob: BlobName, from: string): Act {
  return async ({ registry }, model, say) => {
    say(`mount blob ${blob} from ${from} to ${repository}`);
    expectStatus(await registry.mount(repository, blob, from), model.mount(repository, blob, from));
  };
}

export function headBlob(repository: string, blob: BlobName): Act {
  return async ({ registry }, model, say) => {
    say(`HEAD blob ${blob} in ${repository}`);
    expectStatus(await registry.headBlob(repository, blob), model.headBlob(repository, blob));
  };
}

export function deleteBlob(repository: string, blob: BlobName): Act {
  return async ({ registry }, model, say) => {
    say(`delete blob ${blob} in ${repository}`);
    expectStatus(await registry.deleteBlob(repository, blob), model.deleteBlob(repository, blob));
  };
}

export function beginUpload(repository: string, blob: BlobName): Act {
  return async ({ registry }, model, say) => {
    say(`begin to upload blob ${blob} to ${repository}`);
    model.uploads.push({ repository, blob });
    await registry.startUpload(repository, blob);
  };
}

/** Of the uploads that were begun, the one at `number`, beginning again at the first one behind the last. */
export function endUpload(number: number, isCancelled: boolean): Act {
  return async ({ registry }, model, say) => {
    if (model.uploads.length === 0) return;
    const position = number % model.uploads.length;
    const [{ repository, blob }] = model.uploads.splice(position, 1) as [{ repository: string; blob: BlobName }];
    say(`${isCancelled ? 'cancel' : 'finish'} the upload of blob ${blob} to ${repository}`);
    if (isCancelled) expectStatus(await registry.cancelUpload(position), 204);
    else expectStatus(await registry.finishUpload(position, blob), model.pushBlob(repository, blob));
  };
}

export function putManifest(repository: string, name: ManifestName, tag: string | null): Act {
  return async ({ registry }, model, say) => {
    say(`PUT manifest ${name} to ${repository} ${as(tag)}`);
    expectStatus(await registry.putManifest(repository, name, tag), model.putManifest(repository, name, tag));
  };
}

export function headManifest(repository: string, name: ManifestName): Act {
  return async ({ registry }, model, say) => {
    say(`HEAD manifest ${name} in ${repository}`);
    expectStatus(await registry.headManifest(repository, name), model.readManifest(repository, name));
  };
}

export function pull(repository: string, name: ManifestName): Act {
  return async ({ registry }, model, say) => {
    say(`pull ${name} from ${repository}`);
    expectStatus(await registry.pull(repository, name), model.readManifest(repository, name));
  };
}

export function deleteTag(repository: string, tag: string): Act {
  return async ({ registry }, model, say) => {
    say(`delete tag ${tag} in ${repository}`);
    expectStatus(await registry.deleteTag(repository, tag), model.deleteTag(repository, tag));
  };
}

export function deleteManifest(repository: string, name: ManifestName): Act {
  return async ({ registry }, model, say) => {
    say(`delete manifest ${name} in ${repository}`);
    expectStatus(await registry.deleteManifest(repository, name), model.deleteManifest(repository, name));
  };
}

export function listReferrers(repository: string, name: ManifestName): Act {
  return async ({ registry }, model, say) => {
    say(`list the referrers of ${name} in ${repository}`);
    expectSame(await registry.referrers(repository, name), model.at(repository).referrersOf(name));
  };
}

export function deleteRepository(repository: string): Act {
  return async ({ registry }, model, say) => {
    say(`delete repository ${repository}`);
    expectSame(await registry.deleteRepository(repository), model.deleteRepository(repository));
  };
}

/** Null: the organisation, which the first push makes. */
export function setPolicy(repository: string | null, policy: Policy | null): Act {
  return async ({ registry }, model, say) => {
    if (model.repositories.size === 0) return;
    say(`the policy of ${repository ?? 'the organisation'} becomes ${policy ?? 'none'}`);
    expectSame(await registry.setPolicy(repository, policy), model.setPolicy(repository, policy));
  };
}

export function explain(name: BlobName | ManifestName): Act {
  return async ({ registry }, model, say) => {
    say(`explain ${name}`);
    expectSame(await registry.explain(name), model.explain(name));
  };
}

export function pass(hours: number): Act {
  return (history, _model, say) => {
    say(`${hours} of ${HOUR} seconds pass`);
    return history.passHours(hours);
  };
}

/** `anew`: of those that are due now; else of those that were when a worker last looked. */
export function reviewLink(number: number, anew: boolean): Act {
  return (history, _model, say) =>
    history.reviewLink(number, anew, (of) => say(`review the link of ${of}${anew ? '' : ', which was due before'}`));
}

export function reviewManifest(number: number, anew: boolean): Act {
  return (history, _model, say) =>
    history.reviewManifest(number, anew, (of) => say(`review ${of}${anew ? '' : ', which was due before'}`));
}

export const collect: Act = (history, _model, say) => {
  say('collect everything that is due');
  return history.collect();
};

export const deleteObjects: Act = async (history, _model, say) => {
  say('delete the objects that are due');
  await history.registry.deleteObjects();
  await history.compareObjects();
};

/** `isLeft`: there is an object that no row knows, as a crash leaves it. */
export function compareObjects(isLeft: boolean): Act {
  return async (history, _model, say) => {
    say(`${isLeft ? 'a crash leaves an object; ' : ''}rows and objects are compared`);
    if (isLeft) await history.leaveObject();
    await history.registry.compareObjects();
    await history.compareObjects();
  };
}

function expectSame(answer: unknown, expected: unknown): void {
  const [there, right] = [answer, expected].map((value) =>
    JSON.stringify(Array.isArray(value) ? value.toSorted() : value),
  );
  if (there !== right) throw new Error(`answered ${there} where ${right} is right`);
}
