import {
  ISSUE_TOKEN,
  type IssuedTokenV1,
  IssueTokenV1,
  LIST_SIGNING_KEYS,
  ListSigningKeysV1,
  type SigningKeysV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { SigningKeys } from '../key/signing-keys.js';
import { IssueToken } from './issue-token.js';

@Controller()
export class TokenController {
  constructor(
    private readonly issueToken: IssueToken,
    private readonly keys: SigningKeys,
  ) {}

  @Answers(ISSUE_TOKEN)
  issue(@Payload() request: IssueTokenV1): Promise<IssuedTokenV1> {
    return this.issueToken.run(request);
  }

  @Answers(LIST_SIGNING_KEYS)
  listKeys(@Payload() _request: ListSigningKeysV1): SigningKeysV1 {
    return { keys: this.keys.publicKeys() };
  }
}
