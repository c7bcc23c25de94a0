import { parseWireId, wireId } from './ids.js';

const UUID = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const HEX = '3f2504e04f8941d39a0c0305e82c3301';

it('writes an id without hyphens, and reads it either way', () => {
  expect(wireId(UUID)).toBe(HEX);
  expect(parseWireId(HEX)).toBe(UUID);
  expect(parseWireId(UUID)).toBe(UUID);
  expect(parseWireId(HEX.toUpperCase())).toBe(UUID);
});

it.each(['', 'admin', HEX.slice(1), `${HEX}0`, `${HEX}\n`, HEX.replace('3', 'g')])('takes "%s" for no id', (text) => {
  expect(parseWireId(text)).toBeNull();
});
