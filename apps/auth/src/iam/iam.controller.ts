import {
  ISSUE_IAM_TOKEN,
  type IssuedIamTokenV1,
  IssueIamTokenV1,
  LIST_PROJECTS,
  ListProjectsV1,
  type ProjectV1,
  SHOW_IAM_TOKEN,
  ShowIamTokenV1,
} from '@berth/contracts';
import { Answers } from '@berth/messaging';
import { ProjectStore } from '@berth/metadata';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { administers, Authority, unknown } from './authority.js';
import { IamTokens, MOST_PROJECTS } from './iam-tokens.js';

@Controller()
export class IamController {
  constructor(
    private readonly tokens: IamTokens,
    private readonly authority: Authority,
    private readonly projects: ProjectStore,
  ) {}

  @Answers(ISSUE_IAM_TOKEN)
  issueToken(@Payload() request: IssueIamTokenV1): Promise<IssuedIamTokenV1> {
    return this.tokens.issue(request);
  }

  @Answers(SHOW_IAM_TOKEN)
  async showToken(@Payload() { actorId, token }: ShowIamTokenV1): Promise<Omit<IssuedIamTokenV1, 'token'>> {
    const actor = await this.authority.actor(actorId);
    const found = await this.tokens.show(token);
    const { userId, accountId } = found.actor;
    if (userId !== actorId && !administers(actor, accountId)) throw unknown('token');
    return found;
  }

  @Answers(LIST_PROJECTS)
  async listProjects(@Payload() request: ListProjectsV1): Promise<{ accountId: string; projects: ProjectV1[] }> {
    const actor = await this.authority.actor(request.userId);
    const { accountId = actor.accountId, name = null } = request;
    if (accountId !== actor.accountId && !actor.isOperator) return { accountId, projects: [] };
    const projects = await this.projects.list(accountId, name, MOST_PROJECTS);
    return { accountId, projects: projects.map(({ id, name }) => ({ id, name })) };
  }
}
