import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Settings } from '@berth/platform';
import { generatePassword } from '@berth/standalone';

/** A password to give to a user; `generated` is shown, once. */
export interface NewPassword {
  password: string;
  generated: boolean;
}

/** From standard input where that is asked for, else of BERTH_NEW_PASSWORD, else generated. Never an argument: others see those. */
export async function newPassword(
  { newPassword: given }: Settings,
  fromStdin: boolean,
  signal: AbortSignal,
): Promise<NewPassword> {
  if (fromStdin) {
    const typed = await text(addAbortSignal(signal, process.stdin));
    return { password: typed.replace(/\r?\n$/, ''), generated: false };
  }
  return given === undefined
    ? { password: generatePassword(), generated: true }
    : { password: given, generated: false };
}
