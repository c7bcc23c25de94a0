import { loadSettings } from '@berth/platform';
import { type Invocation, parseArguments } from './arguments.js';
import { connect, type Connection } from './connection.js';
import { Directory } from './directory.js';
import { newPassword } from './new-password.js';
import { asJson, asText } from './output.js';

/** Given to who ends the command before it is done, as shells have it. */
const STOPPED = 130;

try {
  const parsed = parseArguments(process.argv.slice(2));
  await print('help' in parsed ? parsed.help : await resultOf(parsed));
  process.exit(0);
} catch (error) {
  process.stderr.write(`berth: ${(error as Error).message}\n`);
  process.exit(1);
}

async function resultOf({ spec, subject = '', options }: Invocation): Promise<string> {
  const text = (option: string) => options[option] as string | undefined;
  const flag = (option: string) => options[option] === true;
  const settings = loadSettings(process.env);
  const { password } = settings;
  const [url, login] = [text('url'), text('login')];
  const connection = await connect(settings, { ...(url && { url }), ...(login && { login }) });
  closeWhenStopped(connection);
  try {
    const directory = new Directory(connection);
    const given = () => newPassword(settings, flag('password-stdin'));
    const result = await spec.run({ subject, text, flag, directory, password, newPassword: given });
    return flag('json') ? asJson(result) : asText(result);
  } finally {
    await connection.close();
  }
}

/** A database that was started for the command is not left behind. */
function closeWhenStopped(connection: Connection): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void connection.close().finally(() => process.exit(STOPPED)));
  }
}

function print(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}
