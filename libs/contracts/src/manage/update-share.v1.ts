import { defineRequest } from '../contract.js';
import { ShareTermsV1 } from './share-terms.js';

/** Changes a share. The asker has checked the right to manage the repository. */
export class UpdateShareV1 extends ShareTermsV1 {}

/** SHARE_UNKNOWN. */
export const UPDATE_SHARE = defineRequest<UpdateShareV1, { account: string }>('manage.share.update.v1', UpdateShareV1);
