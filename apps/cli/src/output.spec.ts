import { asJson, asText } from './output.js';

describe('output', () => {
  it('as JSON has one line for each result', () => {
    expect(asJson({ user: 'ann', enabled: true })).toBe('{"user":"ann","enabled":true}\n');
    expect(asJson([{ user: 'ann' }, { user: 'b\nob' }])).toBe('{"user":"ann"}\n{"user":"b\\nob"}\n');
    expect(asJson([])).toBe('');
  });

  it('as text has a table of a list, and a line for each field of one thing', () => {
    expect(
      asText([
        { user: 'ann', quota: 5 },
        { user: 'b', quota: null },
      ]),
    ).toBe('user  quota\nann   5\nb     -\n');
    expect(asText({ user: 'ann', enabled: false })).toBe('user     ann\nenabled  false\n');
    expect(asText([])).toBe('none\n');
  });

  it('sends a terminal no commands of others', () => {
    expect(asText({ description: 'a\u001b[2Jb\nc' })).toBe('description  a\\u001b[2Jb\\nc\n');
  });
});
