import { CliError } from './cli-error.js';
import type { CommandContext, CommandSpec, Option } from './command-spec.js';
import type { User } from './directory.js';
import type { NewPassword } from './new-password.js';
import type { Fields } from './output.js';

const PATH = '/v3/users';
const IN_ACCOUNT: Record<string, Option> = {
  account: { value: 'NAME', summary: "the user's account; without it one's own, of the operator the first" },
};
const PASSWORD: Record<string, Option> = {
  'password-stdin': { summary: 'read the password from standard input; else BERTH_NEW_PASSWORD, else it is generated' },
};

export const USER_COMMANDS: CommandSpec[] = [
  {
    noun: 'user',
    verb: 'create',
    summary: 'makes a user',
    subject: 'NAME',
    options: {
      ...IN_ACCOUNT,
      administrator: { summary: 'manages the account' },
      description: { value: 'TEXT', summary: 'up to 255 characters' },
      ...PASSWORD,
    },
    run: async ({ subject: name, directory, text, flag, newPassword }) => {
      const account = await directory.account(text('account'));
      const given = await newPassword();
      const user = {
        name,
        domain_id: account.id,
        password: given.password,
        description: text('description') ?? '',
        is_administrator: flag('administrator'),
      };
      const made = await directory.client.request<{ user: User }>('POST', PATH, { user });
      return { ...shown(made.user), ...ifGenerated(given) };
    },
  },
  {
    noun: 'user',
    verb: 'list',
    summary: 'lists the users of an account',
    options: IN_ACCOUNT,
    run: async ({ directory, text }) => {
      const { id } = await directory.account(text('account'));
      return (await directory.client.list<User>(PATH, 'users', { domain_id: id })).map(shown);
    },
  },
  {
    noun: 'user',
    verb: 'disable',
    summary: 'stops a user and its access keys, until it is enabled',
    subject: 'NAME',
    options: IN_ACCOUNT,
    run: (context) => change(context, { enabled: false }),
  },
  {
    noun: 'user',
    verb: 'enable',
    summary: 'enables a user that was disabled',
    subject: 'NAME',
    options: IN_ACCOUNT,
    run: (context) => change(context, { enabled: true }),
  },
  {
    noun: 'user',
    verb: 'password',
    summary: 'gives a user a new password',
    subject: 'NAME',
    options: { ...IN_ACCOUNT, ...PASSWORD },
    run: async (context) => {
      const user = await context.directory.userOrSelf(context.subject, context.text('account'));
      const given = await context.newPassword();
      await setPassword(context, user, given);
      return { ...shown(user), ...ifGenerated(given) };
    },
  },
];

async function change({ subject, directory, text }: CommandContext, user: Partial<User>): Promise<Fields> {
  const { id } = await directory.user(subject, text('account'));
  const changed = await directory.client.request<{ user: User }>('PATCH', `${PATH}/${id}`, { user });
  return shown(changed.user);
}

/** Whoever logged in changes its own with the one before; administrators those of others. */
async function setPassword({ directory, password: original }: CommandContext, user: User, { password }: NewPassword) {
  if (!directory.isSelf(user)) return directory.client.request('PATCH', `${PATH}/${user.id}`, { user: { password } });
  if (password === original) throw new CliError('the new password is the one before');
  const change = { original_password: original, password };
  return directory.client.request('POST', `${PATH}/${user.id}/password`, { user: change });
}

const ifGenerated = ({ password, generated }: NewPassword): Fields => (generated ? { password } : {});

const shown = ({ id, name, domain_id, enabled, is_administrator, description }: User): Fields => ({
  user: name,
  user_id: id,
  domain_id,
  enabled,
  is_administrator,
  description,
});
