import { requireOrSkip } from '@berth/testing';

import { describeBadInput } from './raw-protocol/bad-input.js';
import { describeBadManifests } from './raw-protocol/bad-manifests.js';
import { describeBlobRanges } from './raw-protocol/blob-ranges.js';
import { describeBlobUploads } from './raw-protocol/blob-uploads.js';
import { describeBlobs } from './raw-protocol/blobs.js';
import { describeContentNegotiation } from './raw-protocol/content-negotiation.js';
import { describeContentSets } from './raw-protocol/content-sets.js';
import { describeDeleteSemantics } from './raw-protocol/delete-semantics.js';
import { describeDigestAlgorithms } from './raw-protocol/digest-algorithms.js';
import { describeHeaders } from './raw-protocol/headers.js';
import { describeCatalog } from './raw-protocol/catalog.js';
import { describeManifests } from './raw-protocol/manifests.js';
import { describeReferrers } from './raw-protocol/referrers.js';
import { describeTags } from './raw-protocol/tags.js';
import { describeTokens } from './raw-protocol/tokens.js';
import { describeUploads } from './raw-protocol/uploads.js';
import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();

// One registry for all of them: each uses repositories of its own.
requireOrSkip(`the raw protocol against ${mode}`, reasonAgainst(mode))(`the raw protocol (${mode})`, () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());

  describeUploads(() => stack);
  describeBlobs(() => stack);
  describeManifests(() => stack);
  describeContentNegotiation(() => stack);
  describeDigestAlgorithms(() => stack);
  describeTags(() => stack);
  describeReferrers(() => stack);
  describeBadInput(() => stack);
  describeBadManifests(() => stack);
  describeBlobUploads(() => stack);
  describeBlobRanges(() => stack);
  describeContentSets(() => stack);
  describeDeleteSemantics(() => stack);
  describeHeaders(() => stack);
  if (!isForeignRegistry()) {
    describeTokens(() => stack);
    describeCatalog(() => stack);
  }
});
