import { MANIFEST_PUSHED, type RetagV1 } from '@berth/contracts';
import { type NamedManifest, TagStore } from '@berth/metadata';
import type { Digest } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { Events } from '../event/events.js';

/** Another tag for what a tag names: to all who hear of it a push of that tag. */
@Injectable()
export class Retag {
  constructor(
    private readonly tags: TagStore,
    private readonly events: Events,
  ) {}

  async run({ repository, source, destination, override }: RetagV1): Promise<{ digest: Digest }> {
    const event = ({ digest, mediaType }: NamedManifest) => ({
      subject: MANIFEST_PUSHED.subject,
      payload: { repository, digest, mediaType, tags: [destination] },
    });
    const outcome = await this.tags.retag({ repository, source, destination, override, event });
    if (outcome === 'repository-unknown') throw new SwrError('REPOSITORY_UNKNOWN');
    if (outcome === 'source-unknown') throw new SwrError('TAG_UNKNOWN');
    if (outcome === 'destination-exists') throw new SwrError('TAG_EXISTS');
    if (outcome === 'tag-quota-reached') throw new SwrError('TAG_QUOTA_REACHED');
    if (outcome === 'busy') throw new SwrError('BUSY');
    this.events.nudge();
    return outcome;
  }
}
