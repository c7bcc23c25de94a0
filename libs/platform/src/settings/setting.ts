/** How a setting's text is read. */
export type SettingType = 'text' | 'integer' | 'boolean' | 'list';

export interface SettingDescription {
  /** The environment variable. */
  variable: string;
  property: string;
  type: SettingType;
  /** As text, as it would stand in the environment; absent: no default. */
  default?: string;
  /** One sentence for the table of settings. */
  doc: string;
  /** Never logged, never shown. */
  secret?: boolean;
}

const descriptions = new WeakMap<object, SettingDescription[]>();

/** Declares that a property is read from an environment variable. The table of settings is made from these. */
export const Setting =
  (variable: string, description: Omit<SettingDescription, 'variable' | 'property'>): PropertyDecorator =>
  (target, property) => {
    const known = descriptions.get(target) ?? [];
    descriptions.set(target, [...known, { ...description, variable, property: String(property) }]);
  };

/** Every setting that a class declares, in order. */
export const settingsOf = (settings: new () => object): SettingDescription[] =>
  descriptions.get(settings.prototype as object) ?? [];
