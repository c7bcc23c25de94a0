import { type Invocation, parseArguments } from './arguments.js';
import { COMMANDS } from './commands.js';

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean));
const invocation = (line: string) => parse(line) as Invocation;
const helpOf = (line: string) => (parse(line) as { help: string }).help;

describe(parseArguments, () => {
  it('reads a command with what it is about and its options', () => {
    const { spec, subject, options } = invocation('user create ann --account team --administrator --json');
    expect([spec.noun, spec.verb, subject]).toEqual(['user', 'create', 'ann']);
    expect(options).toEqual({ account: 'team', administrator: true, json: true });
  });

  it('takes options before and behind, and a value behind an equals sign', () => {
    const { subject, options } = invocation('account quota --organisations=none team');
    expect([subject, options]).toEqual(['team', { organisations: 'none' }]);
  });

  it.each([
    ['nothing', 'there is no command nothing; berth --help has them all'],
    ['user remove ann', 'there is no command user remove; user has create, list, disable, enable, password'],
    ['user create', 'user create needs NAME'],
    ['user create ann bob', 'user create takes one NAME, not ann bob'],
    ['user list ann', 'user list takes no ann'],
    ['user list --password x', "Unknown option '--password'"],
    ['user list --account', "Option '--account <value>' argument missing"],
    ['user list --account a --account b', '--account is given twice'],
    ['account quota team', 'account quota needs --organisations'],
    ['account quota team --organisations=', '--organisations is empty'],
    ['user list --account=', '--account is empty'],
    ['access-key create --user= --json', '--user is empty'],
    ['user list --login=', '--login is empty'],
    ['user list --url=', '--url is empty'],
  ])('refuses "%s" in one sentence', (line, message) => {
    expect(() => parse(line)).toThrow(message);
    expect(() => parse(line)).toThrow(/^[^\n]+$/);
  });

  it.each(['', '--help', '-h', 'help'])('shows every command for "%s"', (line) => {
    for (const { noun, verb } of COMMANDS) expect(helpOf(line)).toContain(`berth ${noun} ${verb}`);
  });

  it('shows those of a noun, and the options of one', () => {
    expect(helpOf('user')).not.toContain('berth account');
    expect(helpOf('user --help')).toBe(helpOf('user'));
    for (const { noun, verb, options } of COMMANDS) {
      const help = helpOf(`${noun} ${verb} --help`);
      for (const option of [...Object.keys(options), 'json', 'url', 'login']) expect(help).toContain(`--${option}`);
    }
  });

  it('has no option that takes a password', () => {
    const options = COMMANDS.flatMap((spec) => Object.entries(spec.options));
    expect(options.filter(([name, { value }]) => /password|secret/.test(name) && value !== undefined)).toEqual([]);
  });
});
