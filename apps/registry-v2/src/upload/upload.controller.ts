import {
  COMMIT_UPLOAD,
  type CommittedUploadV1,
  CommitUploadV1,
  START_UPLOAD,
  type StartedUploadV1,
  StartUploadV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { CommitUpload } from './commit-upload.js';
import { StartUpload } from './start-upload.js';

@Controller()
export class UploadController {
  constructor(
    private readonly startUpload: StartUpload,
    private readonly commitUpload: CommitUpload,
  ) {}

  @Answers(START_UPLOAD)
  start(@Payload() request: StartUploadV1): Promise<StartedUploadV1> {
    return this.startUpload.run(request);
  }

  @Answers(COMMIT_UPLOAD)
  commit(@Payload() request: CommitUploadV1): Promise<CommittedUploadV1> {
    return this.commitUpload.run(request);
  }
}
