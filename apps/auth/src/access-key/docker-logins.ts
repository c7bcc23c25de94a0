import type { CreatedDockerLoginV1, CreateDockerLoginV1 } from '@berth/contracts';
import { AccountStore, ProjectStore } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Settings } from '@berth/platform';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { AccessKeys, loginKeyOf } from './access-keys.js';

/** Docker logins that end by themselves, and with the credential that they were made with. */
@Injectable()
export class DockerLogins {
  constructor(
    private readonly accounts: AccountStore,
    private readonly projects: ProjectStore,
    private readonly accessKeys: AccessKeys,
    private readonly settings: Settings,
  ) {}

  async create({ userId, credential, projectName, lifeSeconds }: CreateDockerLoginV1): Promise<CreatedDockerLoginV1> {
    const user = await this.accounts.findUserOfAccount(userId);
    if (!user) throw registryError('UNAUTHORIZED');
    const [project] = await this.projects.list(user.accountId, projectName ?? this.settings.region, 1);
    if (!project) throw new SwrError('QUERY_INVALID', 'there is no such project');
    const made = await this.accessKeys.create(userId, 'docker login', { lifeSeconds, madeWith: credential ?? null });
    if (!made) throw new SwrError('THROTTLED', 'the user has too many temporary logins: wait until some have ended');
    const { accessKey, secretKey, row } = made;
    return {
      username: `${project.name}@${accessKey}`,
      password: loginKeyOf(accessKey, secretKey),
      expiresAt: row.expiresAt!.toISOString(),
    };
  }
}
