import { ACCESS_KEY_COMMANDS } from './access-key-commands.js';
import { ACCOUNT_COMMANDS } from './account-commands.js';
import type { CommandSpec, Option } from './command-spec.js';
import { GARBAGE_COMMANDS } from './garbage-commands.js';
import { PROJECT_COMMANDS } from './project-commands.js';
import { USER_COMMANDS } from './user-commands.js';

/** What every command takes. */
export const GLOBAL_OPTIONS: Record<string, Option> = {
  json: { summary: 'one line of JSON for each result' },
  url: { value: 'URL', summary: 'where the registry is' },
  login: { value: '[ACCOUNT/]USER', summary: 'log in, with the password in BERTH_PASSWORD' },
  help: { summary: 'what the command takes' },
};

/** Every command, in the order of the help. */
export const COMMANDS: CommandSpec[] = [
  ...ACCOUNT_COMMANDS,
  ...USER_COMMANDS,
  ...ACCESS_KEY_COMMANDS,
  ...PROJECT_COMMANDS,
  ...GARBAGE_COMMANDS,
];
