import { CREATE_DOCKER_LOGIN, LONGEST_DOCKER_LOGIN_SECONDS, SHORTEST_DOCKER_LOGIN_SECONDS } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { PublicUrl } from '../http/public-url.js';
import type { ManagementRequest } from './management-request.js';

const LONGEST_PROJECT_NAME = 256;
const SECONDS = /^\d{1,6}$/;

/** `utils/secret`: docker logins that end by themselves. */
@Injectable()
export class DockerLoginRoutes {
  constructor(
    private readonly bus: MessageBus,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** The command in a header; in the body what docker keeps in `config.json`. The login is shown here and never again. */
  async create({ actor, credential, query, reply }: ManagementRequest): Promise<void> {
    const projectName = query.get('projectname') || undefined;
    if (projectName !== undefined && projectName.length > LONGEST_PROJECT_NAME) {
      throw new SwrError('QUERY_INVALID', 'there is no such project');
    }
    const { username, password, expiresAt } = await this.bus.request(CREATE_DOCKER_LOGIN, {
      userId: actor.userId,
      ...(credential !== undefined && { credential }),
      lifeSeconds: lifeOf(query.get('duration_seconds') || String(LONGEST_DOCKER_LOGIN_SECONDS)),
      ...(projectName !== undefined && { projectName }),
    });
    const host = this.publicUrl.host(reply.request.raw);
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    await reply
      .header('x-swr-dockerlogin', `docker login -u ${username} -p ${password} ${host}`)
      .header('x-swr-expireat', expiresAt.replace(/Z$/, '000Z'))
      .header('cache-control', 'no-store')
      .status(200)
      .send({ auths: { [host]: { auth } } });
  }
}

function lifeOf(text: string): number {
  const seconds = SECONDS.test(text) ? Number(text) : 0;
  if (seconds < SHORTEST_DOCKER_LOGIN_SECONDS || seconds > LONGEST_DOCKER_LOGIN_SECONDS) {
    const range = `${SHORTEST_DOCKER_LOGIN_SECONDS} to ${LONGEST_DOCKER_LOGIN_SECONDS}`;
    throw new SwrError('QUERY_INVALID', `duration_seconds must be ${range}`);
  }
  return seconds;
}
