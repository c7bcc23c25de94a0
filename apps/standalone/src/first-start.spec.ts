import { generatePassword } from './first-start.js';

describe(generatePassword, () => {
  const many = Array.from({ length: 500 }, generatePassword);

  it('gives twenty characters that nobody mistakes for each other', () => {
    for (const password of many) expect(password).toMatch(/^[a-km-np-zA-HJ-NP-Z2-9]{20}$/);
  });

  it('gives another one each time, and uses its whole alphabet', () => {
    expect(new Set(many).size).toBe(many.length);
    expect(new Set(many.join('')).size).toBe(56);
  });
});
