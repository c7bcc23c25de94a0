import type { Settings } from '@berth/platform';

export interface WelcomeFacts {
  settings: Settings;
  address: string;
  internalAddress: string;
  dataFolder: string;
  /** Shown once, at first start, and nowhere else. */
  generatedPassword: string | null;
  firstStart: boolean;
}

/** What a newcomer reads: where it listens, who may log in, and the lines to try next. */
export function welcome({
  settings,
  address,
  internalAddress,
  dataFolder,
  generatedPassword,
  firstStart,
}: WelcomeFacts): string {
  const host = new URL(settings.publicUrl ?? address).host;
  const lines = [
    '',
    `  Berth listens on ${address}    (data in ${dataFolder}; health and metrics on ${internalAddress})`,
    '',
    ...account(settings, generatedPassword, firstStart),
    '  Try it:',
    '',
    ...(settings.open ? [] : [`    docker login ${host} -u admin`]),
    `    docker tag IMAGE ${host}/IMAGE`,
    `    docker push ${host}/IMAGE`,
    `    docker pull ${host}/IMAGE`,
    '',
    '  Ctrl-C stops it.',
    '',
  ];
  return lines.join('\n');
}

function account(settings: Settings, generatedPassword: string | null, firstStart: boolean): string[] {
  if (settings.open) return ['  BERTH_OPEN=true: nobody is asked who they are, everybody may do everything.', ''];
  if (generatedPassword !== null) {
    return [
      `  user      admin`,
      `  password  ${generatedPassword}    (generated now and stored hashed: note it, it is not shown again)`,
      '',
    ];
  }
  return [
    firstStart
      ? '  user admin, with the password of BERTH_ADMIN_PASSWORD'
      : '  user admin, with the password set at first start',
    '',
  ];
}
