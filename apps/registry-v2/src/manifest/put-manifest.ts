import { MANIFEST_PUSHED, type PutManifestV1, type StoredManifestV1 } from '@berth/contracts';
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

/**
 * Parses and validates, then one transaction: manifest, references, tag, subject link and event, or nothing at all.
 * What is missing is MANIFEST_BLOB_UNKNOWN; a subject may be missing. Spec: end-7.
 */
@Injectable()
export class PutManifest {
  constructor(
    private readonly manifests: ManifestStore,
    private readonly ensureRepository: EnsureRepository,
    private readonly events: Events,
  ) {}

  async run({ repository, reference, contentType, payload, userId }: PutManifestV1): Promise<StoredManifestV1> {
    const bytes = Buffer.from(payload, 'base64');
    const target = parseReference(reference);
    const manifest = underDigest(parseManifest(bytes, contentType), bytes, target);
    const tags = target.kind === 'tag' ? [target.tag] : [];
    const { digest, mediaType } = manifest;
    const event = { subject: MANIFEST_PUSHED.subject, payload: { repository, digest, mediaType, tags } };
    await this.store({ repository, manifest, payload: bytes, tags, event }, userId);
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
      await this.ensureRepository.run(push.repository, userId);
      outcome = await this.manifests.put(push);
    }
    if (outcome === 'repository-unknown') throw registryError('NAME_UNKNOWN', { name: push.repository });
    if (outcome !== 'stored') throw missing(outcome.missing);
  }
}

/** A manifest pushed by digest is stored under that digest, whichever algorithm it names. */
function underDigest(manifest: ParsedManifest, bytes: Buffer, target: Reference): ParsedManifest {
  if (target.kind === 'tag') return manifest;
  const digest = digestOf(bytes, digestAlgorithm(target.digest));
  if (digest !== target.digest) throw registryError('DIGEST_INVALID', { provided: target.digest, computed: digest });
  return { ...manifest, digest };
}

const DETAIL_LIMIT = 20;

const missing = (descriptors: { digest: string }[]) =>
  registryError(
    'MANIFEST_BLOB_UNKNOWN',
    descriptors.slice(0, DETAIL_LIMIT).map(({ digest }) => ({ digest })),
  );
