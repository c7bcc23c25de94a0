import { CATEGORIES, parseCategory } from './category.js';

describe(parseCategory, () => {
  it.each(CATEGORIES)('takes %s', (category) => {
    expect(parseCategory(category)).toBe(category);
  });

  it.each(['', 'Other', 'games', 'toString'])('refuses "%s"', (text) => {
    expect(() => parseCategory(text)).toThrow(expect.objectContaining({ error: 'FIELD_INVALID' }));
  });
});
