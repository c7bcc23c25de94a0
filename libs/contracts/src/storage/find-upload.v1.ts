import { defineRequest } from '../contract.js';
import { UploadSessionRef } from './upload-session.js';

/** Asks how far an upload is. Spec: end-13. */
export class FindUploadV1 extends UploadSessionRef {}

/** `offset`: bytes that are durable. */
export const FIND_UPLOAD = defineRequest<FindUploadV1, { offset: number }>('storage.upload.find.v1', FindUploadV1);
