import { MANIFEST_PUSHED, type Precondition, type PutManifestV1, type StoredManifestV1 } from '@berth/contracts';
import { ManifestStore, type NewManifest } from '@berth/metadata';
import {
  digestAlgorithm,
  digestOf,
  type ParsedManifest,
  parseManifest,
  parseReference,
  type Reference,
  registryError,
} from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { Events } from '../event/events.js';
import { EnsureRepository } from '../repository/ensure-repository.js';
import { preconditionFailed, preconditionHolds } from './precondition.js';

/**
 * Parses and validates, then one transaction: manifest, references, tags, subject link and event, or nothing at all.
 * What is missing is MANIFEST_BLOB_UNKNOWN; a subject may be missing. What is there has the size that the manifest states, or
 * clients could not pull it: MANIFEST_INVALID. A precondition is judged in that transaction, and is void where the
 * reference is a digest: whatever is there has the same bytes. DENIED where the repository would come to have more tags than
 * it may. Spec: end-7a, end-7b.
 */
@Injectable()
export class PutManifest {
  constructor(
    private readonly manifests: ManifestStore,
    private readonly ensureRepository: EnsureRepository,
    private readonly events: Events,
  ) {}

  async run(push: PutManifestV1): Promise<StoredManifestV1> {
    const { repository, userId } = push;
    const bytes = Buffer.from(push.payload, 'base64');
    const target = parseReference(push.reference);
    const manifest = underDigest(parseManifest(bytes, push.contentType), bytes, target);
    const tags = [...new Set([...(target.kind === 'tag' ? [target.tag] : []), ...(push.tags ?? [])])];
    const { digest, mediaType } = manifest;
    const event = { subject: MANIFEST_PUSHED.subject, payload: { repository, digest, mediaType, tags } };
    const condition = preconditionOf(target, push.precondition);
    await this.store({ repository, manifest, payload: bytes, tags, event, ...condition }, userId);
    this.events.nudge();
    return { digest, subject: manifest.subject?.digest ?? null };
  }

  private async store(push: NewManifest, userId: string | undefined): Promise<void> {
    let outcome = await this.manifests.put(push);
    if (outcome === 'repository-unknown') {
      // A manifest without any reference may be a repository's first push.
      if (push.manifest.blobs.length + push.manifest.manifests.length > 0) {
        throw missing([...push.manifest.blobs, ...push.manifest.manifests]);
      }
      if (push.precondition?.holds(null) === false) throw preconditionFailed();
      await this.ensureRepository.run(push.repository, userId);
      outcome = await this.manifests.put(push);
    }
    if (outcome === 'repository-unknown') throw registryError('NAME_UNKNOWN', { name: push.repository });
    if (outcome === 'stored') return;
    if (outcome === 'precondition-failed') throw preconditionFailed();
    if (outcome === 'tag-quota-reached') {
      const message = 'the repository has reached its quota of tags';
      throw registryError('DENIED', { repository: push.repository }, { message });
    }
    throw 'missing' in outcome ? missing(outcome.missing) : wrongSizes(outcome.wrongSizes);
  }
}

/** A manifest pushed by digest is stored under that digest, whichever algorithm it names. */
function underDigest(manifest: ParsedManifest, bytes: Buffer, target: Reference): ParsedManifest {
  if (target.kind === 'tag') return manifest;
  const digest = digestOf(bytes, digestAlgorithm(target.digest));
  if (digest !== target.digest) throw registryError('DIGEST_INVALID', { provided: target.digest, computed: digest });
  return { ...manifest, digest };
}

function preconditionOf(target: Reference, precondition: Precondition | undefined): Pick<NewManifest, 'precondition'> {
  if (target.kind === 'digest' || !precondition) return {};
  return { precondition: { tag: target.tag, holds: (named) => preconditionHolds(precondition, named) } };
}

const DETAIL_LIMIT = 20;

const missing = (descriptors: { digest: string }[]) =>
  registryError(
    'MANIFEST_BLOB_UNKNOWN',
    descriptors.slice(0, DETAIL_LIMIT).map(({ digest }) => ({ digest })),
  );

const wrongSizes = (found: { digest: string; stated: number; size: number }[]) =>
  registryError('MANIFEST_INVALID', found.slice(0, DETAIL_LIMIT), {
    message: 'manifest invalid: a descriptor states another size than its content has',
  });
