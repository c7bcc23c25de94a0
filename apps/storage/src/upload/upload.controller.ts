import {
  type AppendGrantV1,
  CANCEL_UPLOAD,
  CancelUploadV1,
  COMPLETE_UPLOAD,
  type CompletedObject,
  CompleteUploadV1,
  CREATE_UPLOAD,
  CreateUploadV1,
  FIND_UPLOAD,
  FindUploadV1,
  GRANT_APPEND,
  GrantAppendV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller, UseInterceptors } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { StoreFaults } from '../object/store-faults.js';
import { AppendUpload } from './append-upload.js';
import { CompleteUpload } from './complete-upload.js';
import { UploadSessionService } from './upload-session.service.js';

@Controller()
@UseInterceptors(StoreFaults)
export class UploadController {
  constructor(
    private readonly sessions: UploadSessionService,
    private readonly appendUpload: AppendUpload,
    private readonly completeUpload: CompleteUpload,
  ) {}

  @Answers(CREATE_UPLOAD)
  create(@Payload() request: CreateUploadV1): Promise<{ sessionId: string }> {
    return this.sessions.create(request);
  }

  @Answers(FIND_UPLOAD)
  find(@Payload() request: FindUploadV1): Promise<{ offset: number }> {
    return this.sessions.find(request);
  }

  @Answers(GRANT_APPEND)
  grantAppend(@Payload() request: GrantAppendV1): Promise<AppendGrantV1> {
    return this.appendUpload.grant(request);
  }

  @Answers(COMPLETE_UPLOAD)
  complete(@Payload() request: CompleteUploadV1): Promise<CompletedObject> {
    return this.completeUpload.run(request);
  }

  @Answers(CANCEL_UPLOAD)
  cancel(@Payload() request: CancelUploadV1): Promise<{ sessionId: string }> {
    return this.sessions.cancel(request);
  }
}
