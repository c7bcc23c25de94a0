import { CliError } from './cli-error.js';
import type { CommandContext, CommandSpec, Option } from './command-spec.js';
import type { User } from './directory.js';
import type { Fields } from './output.js';

const PATH = '/v3.0/OS-CREDENTIAL/credentials';
const OF_USER: Record<string, Option> = {
  user: { value: 'NAME', summary: 'whose it is; without it who logged in' },
  account: { value: 'NAME', summary: "the user's account; without it one's own, of the operator the first" },
};
const DESCRIPTION: Record<string, Option> = { description: { value: 'TEXT', summary: 'up to 255 characters' } };

interface Credential {
  access: string;
  secret?: string;
  status: 'active' | 'inactive';
  description: string;
  create_time: string;
}

export const ACCESS_KEY_COMMANDS: CommandSpec[] = [
  {
    noun: 'access-key',
    verb: 'create',
    summary: 'makes an access key; its secret is shown once',
    options: { ...OF_USER, ...DESCRIPTION },
    run: async (context) => create(context, await ownerOf(context), context.text('description') ?? ''),
  },
  {
    noun: 'access-key',
    verb: 'list',
    summary: "lists a user's access keys, without their secrets",
    options: OF_USER,
    run: async (context) => (await keysOf(context, await ownerOf(context))).map(shown),
  },
  {
    noun: 'access-key',
    verb: 'rotate',
    summary: 'makes another access key, and disables this one',
    subject: 'ACCESS',
    options: OF_USER,
    run: async (context) => {
      const user = await ownerOf(context);
      const replaced = (await keysOf(context, user)).find(({ access }) => access === context.subject);
      if (!replaced) throw new CliError(`the user ${user.name} has no access key ${context.subject}`);
      const made = await create(context, user, replaced.description);
      await context.show({ ...made, replaces: replaced.access });
      await setStatus(context, 'inactive').catch((error: Error) => {
        throw new CliError(`${made['access']} is made, and ${replaced.access} is not disabled: ${error.message}`);
      });
      return null;
    },
  },
  {
    noun: 'access-key',
    verb: 'disable',
    summary: 'disables an access key, until it is enabled',
    subject: 'ACCESS',
    options: {},
    run: (context) => setStatus(context, 'inactive'),
  },
  {
    noun: 'access-key',
    verb: 'enable',
    summary: 'enables an access key that was disabled',
    subject: 'ACCESS',
    options: {},
    run: (context) => setStatus(context, 'active'),
  },
  {
    noun: 'access-key',
    verb: 'remove',
    summary: 'removes an access key for good',
    subject: 'ACCESS',
    options: {},
    run: async ({ directory, subject }) => {
      await directory.client.request('DELETE', pathOf(subject));
      return { access: subject, status: 'removed' };
    },
  },
];

const ownerOf = ({ directory, text }: CommandContext): Promise<User> =>
  directory.userOrSelf(text('user'), text('account'));

async function create({ directory }: CommandContext, user: User, description: string): Promise<Fields> {
  const project = await directory.project(user.domain_id);
  const body = { credential: { user_id: user.id, description } };
  const { credential } = await directory.client.request<{ credential: Credential }>('POST', PATH, body);
  return {
    access: credential.access,
    secret: credential.secret!,
    project_id: project.id,
    project: project.name,
    domain_id: user.domain_id,
    user: user.name,
    user_id: user.id,
    description: credential.description,
  };
}

async function keysOf({ directory }: CommandContext, { id }: User): Promise<Credential[]> {
  const path = `${PATH}?user_id=${id}`;
  return (await directory.client.request<{ credentials: Credential[] }>('GET', path)).credentials;
}

async function setStatus({ directory, subject }: CommandContext, status: Credential['status']): Promise<Fields> {
  await directory.client.request('PUT', pathOf(subject), { credential: { status } });
  return { access: subject, status };
}

const pathOf = (access: string): string => `${PATH}/${encodeURIComponent(access)}`;

const shown = ({ access, status, description, create_time }: Credential): Fields => ({
  access,
  status,
  description,
  create_time,
});
