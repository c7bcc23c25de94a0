import { validateSync } from 'class-validator';
import { type SettingDescription, settingsOf } from './setting.js';
import { Settings } from './settings.js';

/** The environment does not make sense. Its message is for the operator: one sentence per trouble. */
export class SettingsError extends Error {}

const PREFIX = 'BERTH_';
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/**
 * Reads the settings from `env`. Unknown BERTH_ variables, invalid values and missing ones of `required` throw
 * SettingsError, which names them all.
 */
export function loadSettings(env: NodeJS.ProcessEnv, required: (keyof Settings)[] = []): Settings {
  const descriptions = settingsOf(Settings);
  const settings = new Settings();
  const troubles = unknownVariables(env, descriptions);
  for (const description of descriptions) {
    // An empty variable is how shells and compose files spell "not set".
    const text = env[description.variable] || description.default;
    if (text !== undefined) Object.assign(settings, { [description.property]: parse(text, description) });
  }
  const invalid = invalidValues(settings, descriptions);
  troubles.push(...invalid, ...missingValues(settings, descriptions, required));
  if (invalid.length === 0 && settings.uploadMaxSeconds <= settings.uploadIdleSeconds) {
    troubles.push(
      `BERTH_UPLOAD_MAX_SECONDS=${settings.uploadMaxSeconds} must be more than BERTH_UPLOAD_IDLE_SECONDS=${settings.uploadIdleSeconds}`,
    );
  }
  if (settings.open && !settings.openAnywhere && !LOOPBACK.test(settings.host)) {
    troubles.push(
      `BERTH_OPEN=true on ${settings.host} would let everybody do everything: set BERTH_OPEN_ANYWHERE=true to insist`,
    );
  }
  if (troubles.length > 0) throw new SettingsError(troubles.join('\n'));
  return settings;
}

function parse(text: string, { type }: SettingDescription): unknown {
  switch (type) {
    case 'text':
      return text;
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'list':
      return text.split(',').map((entry) => entry.trim());
  }
}

function unknownVariables(env: NodeJS.ProcessEnv, descriptions: SettingDescription[]): string[] {
  const known = new Set(descriptions.map((description) => description.variable));
  return Object.keys(env)
    .filter((variable) => variable.startsWith(PREFIX) && !known.has(variable))
    .map((variable) => `${variable} is not a setting of Berth (docs/configuration.md lists them all)`);
}

function invalidValues(settings: Settings, descriptions: SettingDescription[]): string[] {
  return validateSync(settings).map(({ property, constraints, value }) => {
    const { variable, secret } = descriptions.find((description) => description.property === property)!;
    const reasons = Object.values(constraints ?? {}).map((reason) => reason.replace(`${property} `, ''));
    return `${variable}${secret ? '' : `=${String(value)}`} is not valid: ${reasons.join(', ')}`;
  });
}

const missingValues = (
  settings: Settings,
  descriptions: SettingDescription[],
  required: (keyof Settings)[],
): string[] =>
  descriptions
    .filter(
      ({ property }) =>
        required.includes(property as keyof Settings) && settings[property as keyof Settings] === undefined,
    )
    .map(({ variable, doc }) => `${variable} is not set: ${doc}`);
