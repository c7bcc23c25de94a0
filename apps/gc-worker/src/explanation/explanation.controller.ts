import {
  EXPLAIN_DIGEST,
  ExplainDigestV1,
  type ExplainedDigestV1,
  PLAN_COLLECTION,
  type PlannedCollectionV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Explanations } from './explanations.js';

@Controller()
export class ExplanationController {
  constructor(private readonly explanations: Explanations) {}

  @Answers(EXPLAIN_DIGEST)
  explain(@Payload() request: ExplainDigestV1): Promise<ExplainedDigestV1> {
    return this.explanations.explain(request);
  }

  @Answers(PLAN_COLLECTION)
  plan(): Promise<PlannedCollectionV1> {
    return this.explanations.plan();
  }
}
