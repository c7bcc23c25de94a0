import { text } from 'node:stream/consumers';
import type { Settings } from '@berth/platform';
import { generatePassword } from '@berth/standalone';

/** A password to give to a user; `generated` is shown, once. */
export interface NewPassword {
  password: string;
  generated: boolean;
}

/** From standard input where that is asked for, else of BERTH_NEW_PASSWORD, else generated. Never an argument: others see those. */
export async function newPassword(settings: Settings, fromStdin: boolean): Promise<NewPassword> {
  if (fromStdin) return { password: (await text(process.stdin)).replace(/\r?\n$/, ''), generated: false };
  const { newPassword: given } = settings;
  return given === undefined
    ? { password: generatePassword(), generated: true }
    : { password: given, generated: false };
}
