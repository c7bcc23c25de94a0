import { LIST_REFERRERS, ListReferrersV1, type ReferrerPageV1, type ReferrerV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { type Referrer, ReferrerStore } from '@berth/metadata';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

/**
 * Every manifest that names the subject is a referrer from the moment of its push, whether its client knows this API or
 * also keeps the list under the fallback tag. So what such a list names and the spec wants answered is there by itself;
 * the rest of it (manifests that are gone, or name another subject or none) the spec keeps out. The index under the
 * fallback tag stays what it is to every other request: a manifest. Spec: "Listing Referrers", "Enabling the Referrers API".
 */
@Controller()
export class ReferrerController {
  constructor(private readonly store: ReferrerStore) {}

  @Answers(LIST_REFERRERS)
  async list(@Payload() { repository, subject, artifactType, after, limit }: ListReferrersV1): Promise<ReferrerPageV1> {
    const { referrers, more } = await this.store.list({ repository, subject, artifactType, after, limit });
    return { referrers: referrers.map(descriptor), more };
  }
}

const descriptor = ({ mediaType, digest, size, artifactType, annotations }: Referrer): ReferrerV1 => ({
  mediaType,
  digest,
  size,
  ...(artifactType !== null && { artifactType }),
  ...(annotations !== null && { annotations }),
});
