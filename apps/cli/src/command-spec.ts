import type { Directory } from './directory.js';
import type { NewPassword } from './new-password.js';
import type { Fields, Result } from './output.js';

export interface Option {
  /** What stands for the value in the help; absent: it takes none. */
  value?: string;
  summary: string;
  required?: boolean;
}

export interface CommandContext {
  /** The name that the command is about; empty where it takes none. */
  subject: string;
  /** The value of an option. */
  text: (option: string) => string | undefined;
  /** Whether an option without a value is given. */
  flag: (option: string) => boolean;
  directory: Directory;
  newPassword: () => Promise<NewPassword>;
  /** Prints what must not be lost where the rest of the command fails. */
  show: (made: Fields) => Promise<void>;
  /** The password of --login. */
  password: string | undefined;
}

export interface CommandSpec {
  noun: string;
  verb: string;
  summary: string;
  /** What stands in the help for the name that the command is about; absent: it takes none. */
  subject?: string;
  options: Record<string, Option>;
  /** What is printed; null where all is shown. */
  run(context: CommandContext): Promise<Result | null>;
}
