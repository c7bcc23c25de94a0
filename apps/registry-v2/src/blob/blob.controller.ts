import { DELETE_BLOB, DeleteBlobV1, FIND_BLOB, FindBlobV1, type FoundBlobV1 } from '@berth/contracts';
import { Answers } from '@berth/messaging';
import type { Digest } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { BlobService } from './blob.service.js';

@Controller()
export class BlobController {
  constructor(private readonly blobs: BlobService) {}

  @Answers(FIND_BLOB)
  find(@Payload() request: FindBlobV1): Promise<FoundBlobV1> {
    return this.blobs.find(request);
  }

  @Answers(DELETE_BLOB)
  delete(@Payload() request: DeleteBlobV1): Promise<{ digest: Digest }> {
    return this.blobs.delete(request);
  }
}
