import { parseArgs } from 'node:util';
import { CliError } from './cli-error.js';
import type { CommandSpec, Option } from './command-spec.js';
import { COMMANDS, GLOBAL_OPTIONS } from './commands.js';

/** What somebody typed, read. */
export interface Invocation {
  spec: CommandSpec;
  /** The name that the command is about, where it takes one. */
  subject: string | undefined;
  options: Record<string, string | boolean | undefined>;
}

/** CliError where it is no command; a text where it asks for help. */
export function parseArguments(words: string[]): Invocation | { help: string } {
  const [noun, verb] = words;
  if (noun === undefined || noun === 'help' || noun === '--help' || noun === '-h') return { help: overview() };
  const ofNoun = COMMANDS.filter((spec) => spec.noun === noun);
  if (ofNoun.length === 0) throw new CliError(`there is no command ${noun}; berth --help has them all`);
  if (verb === undefined || verb === '--help' || verb === '-h') return { help: overview(ofNoun) };
  const spec = ofNoun.find((one) => one.verb === verb);
  if (!spec) {
    throw new CliError(`there is no command ${noun} ${verb}; ${noun} has ${ofNoun.map((one) => one.verb).join(', ')}`);
  }
  return invocationOf(spec, words.slice(2));
}

function invocationOf(spec: CommandSpec, words: string[]): Invocation | { help: string } {
  const known = { ...spec.options, ...GLOBAL_OPTIONS };
  const { values, positionals } = parsed(words, known);
  if (values['help']) return { help: helpOf(spec) };
  const [subject, ...more] = positionals;
  const name = `${spec.noun} ${spec.verb}`;
  if (spec.subject === undefined && subject !== undefined) throw new CliError(`${name} takes no ${subject}`);
  if (spec.subject !== undefined && !subject) throw new CliError(`${name} needs ${spec.subject}`);
  if (more.length > 0) throw new CliError(`${name} takes one ${spec.subject}, not ${positionals.join(' ')}`);
  const missing = Object.keys(spec.options).find(
    (option) => spec.options[option]!.required && values[option] === undefined,
  );
  if (missing) throw new CliError(`${name} needs --${missing}`);
  const empty = Object.keys(values).find((option) => values[option] === '');
  if (empty) throw new CliError(`--${empty} is empty`);
  return { spec, subject, options: values };
}

function parsed(words: string[], known: Record<string, Option>) {
  const options = Object.fromEntries(
    Object.entries(known).map(([name, { value }]) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(name === 'help' && { short: 'h' }),
      },
    ]),
  );
  try {
    const { values, positionals, tokens } = parseArgs({ args: words, options, allowPositionals: true, tokens: true });
    const given = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
    const twice = given.find((name, n) => given.indexOf(name) !== n);
    if (twice) throw new CliError(`--${twice} is given twice`);
    return { values, positionals };
  } catch (error) {
    if (error instanceof CliError) throw error;
    // The first sentence of Node says which word it is; what follows explains parseArgs.
    throw new CliError((error as Error).message.split(/[.\n]\s/)[0]);
  }
}

const usageOf = ({ noun, verb, subject }: CommandSpec): string =>
  ['berth', noun, verb, ...(subject === undefined ? [] : [subject])].join(' ');

function overview(specs: CommandSpec[] = COMMANDS): string {
  return [
    'Accounts, projects, users and access keys of a Berth registry, and its garbage collection.',
    '',
    ...aligned(specs.map((spec) => [usageOf(spec), spec.summary])),
    '',
    'With each of them, besides its own options (--help):',
    '',
    ...aligned(optionLines(GLOBAL_OPTIONS)),
    '',
    'The registry is --url, else BERTH_URL, else what runs on the folder BERTH_DATA_DIR; where nothing does, the command',
    'opens that folder itself. Whoever holds the key of the registry (BERTH_SECRET_KEY, or the folder) may do everything;',
    'others log in with --login and the password in BERTH_PASSWORD.',
    '',
  ].join('\n');
}

function helpOf(spec: CommandSpec): string {
  return [
    `${usageOf(spec)} [options]`,
    '',
    `${spec.summary}`,
    '',
    ...aligned(optionLines({ ...spec.options, ...GLOBAL_OPTIONS })),
    '',
  ].join('\n');
}

const optionLines = (options: Record<string, Option>): [string, string][] =>
  Object.entries(options).map(([name, { value, summary }]) => [`--${name}${value ? ` ${value}` : ''}`, summary]);

function aligned(lines: [string, string][]): string[] {
  const width = Math.max(...lines.map(([left]) => left.length));
  return lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
