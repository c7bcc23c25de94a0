import {
  DELETE_MANIFEST,
  DeleteManifestV1,
  type FoundManifestV1,
  GET_MANIFEST,
  GetManifestV1,
  PUT_MANIFEST,
  PutManifestV1,
  type StoredManifestV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { ManifestService } from './manifest.service.js';
import { PutManifest } from './put-manifest.js';

@Controller()
export class ManifestController {
  constructor(
    private readonly putManifest: PutManifest,
    private readonly manifests: ManifestService,
  ) {}

  @Answers(PUT_MANIFEST)
  put(@Payload() request: PutManifestV1): Promise<StoredManifestV1> {
    return this.putManifest.run(request);
  }

  @Answers(GET_MANIFEST)
  get(@Payload() request: GetManifestV1): Promise<FoundManifestV1> {
    return this.manifests.get(request);
  }

  @Answers(DELETE_MANIFEST)
  delete(@Payload() request: DeleteManifestV1): Promise<{ reference: string }> {
    return this.manifests.delete(request);
  }
}
