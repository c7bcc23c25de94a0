import {
  type Actor,
  ISSUE_IAM_TOKEN,
  type IssuedIamTokenV1,
  IssueIamTokenV1,
  LIST_PROJECTS,
  ListProjectsV1,
  type ProjectV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { AccountStore, ProjectStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { IamTokens, MOST_PROJECTS } from './iam-tokens.js';

@Controller()
export class IamController {
  constructor(
    private readonly tokens: IamTokens,
    private readonly accounts: AccountStore,
    private readonly projects: ProjectStore,
  ) {}

  @Answers(ISSUE_IAM_TOKEN)
  issueToken(@Payload() request: IssueIamTokenV1): Promise<IssuedIamTokenV1> {
    return this.tokens.issue(request);
  }

  @Answers(LIST_PROJECTS)
  async listProjects(@Payload() { userId, name }: ListProjectsV1): Promise<{ actor: Actor; projects: ProjectV1[] }> {
    const actor = await this.accounts.findUserOfAccount(userId);
    if (!actor) throw registryError('UNAUTHORIZED');
    const projects = await this.projects.list(actor.accountId, name ?? null, MOST_PROJECTS);
    return { actor, projects: projects.map(({ id, name }) => ({ id, name })) };
  }
}
