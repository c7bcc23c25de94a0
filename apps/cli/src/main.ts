import { inOneSentence, loadSettings } from '@berth/platform';
import { type Invocation, parseArguments } from './arguments.js';
import { connect } from './connection.js';
import { Directory } from './directory.js';
import { newPassword } from './new-password.js';
import { asJson, asText, type Result } from './output.js';

/** Given to who ends the command before it is done, as shells have it. */
const STOPPED = 130;

const stop = new AbortController();
// A Ctrl-C arrives from the terminal and from each launcher in between. What was started for the command is not left behind.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());

try {
  const parsed = parseArguments(process.argv.slice(2));
  await ('help' in parsed ? print(parsed.help) : execute(parsed));
  process.exit(0);
} catch (error) {
  if (stop.signal.aborted) process.exit(STOPPED);
  process.stderr.write(`berth: ${inOneSentence(error)}\n`);
  process.exit(1);
}

async function execute({ spec, subject = '', options }: Invocation): Promise<void> {
  const text = (option: string) => options[option] as string | undefined;
  const flag = (option: string) => options[option] === true;
  const settings = loadSettings(process.env);
  const { password } = settings;
  const [url, login] = [text('url'), text('login')];
  const { signal } = stop;
  const connection = await connect(settings, { ...(url && { url }), ...(login && { login }), signal });
  try {
    const directory = new Directory(connection);
    const given = () => newPassword(settings, flag('password-stdin'), signal);
    const show = (result: Result) => print(flag('json') ? asJson(result) : asText(result));
    const result = await spec.run({ subject, text, flag, directory, password, newPassword: given, show });
    if (result !== null) await show(result);
  } finally {
    await connection.close();
  }
}

function print(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}
