import { CliError } from './cli-error.js';
import type { CommandContext, CommandSpec } from './command-spec.js';
import type { Account } from './directory.js';
import type { Fields } from './output.js';

const PATH = '/v3/domains';

export const ACCOUNT_COMMANDS: CommandSpec[] = [
  {
    noun: 'account',
    verb: 'create',
    summary: 'makes an account, with the project of the region',
    subject: 'NAME',
    options: { description: { value: 'TEXT', summary: 'up to 255 characters' } },
    run: async ({ subject: name, directory, text }) => {
      const domain = { name, description: text('description') ?? '' };
      const made = await directory.client.request<{ domain: Account }>('POST', PATH, { domain });
      return { ...shown(made.domain), project_id: (await directory.project(made.domain.id)).id };
    },
  },
  {
    noun: 'account',
    verb: 'list',
    summary: 'lists the accounts',
    options: {},
    run: async ({ directory }) => (await directory.client.list<Account>(PATH, 'domains')).map(shown),
  },
  {
    noun: 'account',
    verb: 'disable',
    summary: 'stops all users of an account, until it is enabled',
    subject: 'NAME',
    options: {},
    run: (context) => change(context, { enabled: false }),
  },
  {
    noun: 'account',
    verb: 'enable',
    summary: 'enables an account that was disabled',
    subject: 'NAME',
    options: {},
    run: (context) => change(context, { enabled: true }),
  },
  {
    noun: 'account',
    verb: 'quota',
    summary: 'sets how many organisations an account may own',
    subject: 'NAME',
    options: { organisations: { value: 'COUNT', summary: 'or none, for no limit', required: true } },
    run: (context) => change(context, { organisation_quota: quotaOf(context.text('organisations')!) }),
  },
];

async function change({ subject, directory }: CommandContext, domain: Partial<Account>): Promise<Fields> {
  const { id } = await directory.wholeAccount(subject);
  const changed = await directory.client.request<{ domain: Account }>('PATCH', `${PATH}/${id}`, { domain });
  return shown(changed.domain);
}

function quotaOf(text: string): number | null {
  if (text === 'none') return null;
  if (!/^\d{1,9}$/.test(text)) throw new CliError('--organisations must be a number, or none');
  return Number(text);
}

const shown = ({ id, name, enabled, organisation_quota, description }: Account): Fields => ({
  account: name,
  domain_id: id,
  enabled,
  organisation_quota,
  description,
});
