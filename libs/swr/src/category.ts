import { SwrError } from './errors.js';

/** What a repository may be filed under; `arm` and `arms` are both in use. */
export const CATEGORIES = [
  'app_server',
  'linux',
  'framework_app',
  'database',
  'lang',
  'windows',
  'arm',
  'arms',
  'other',
] as const;

export type Category = (typeof CATEGORIES)[number];

export const DEFAULT_CATEGORY: Category = 'other';

/** FIELD_INVALID where it is none. */
export function parseCategory(text: string): Category {
  const category = CATEGORIES.find((known) => known === text);
  if (category === undefined) throw new SwrError('FIELD_INVALID', `category must be one of ${CATEGORIES.join(', ')}`);
  return category;
}
