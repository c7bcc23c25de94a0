import { formatDeadline, formatTimestamp, parseDeadline } from './timestamps.js';

describe(formatTimestamp, () => {
  it.each([
    ['2021-10-01T16:00:00.000Z', '2021-10-01T16:00:00Z'],
    ['2021-10-01T16:00:10.000Z', '2021-10-01T16:00:10Z'],
    ['2021-10-01T16:00:00.500Z', '2021-10-01T16:00:00.5Z'],
    ['2021-10-01T16:00:00.563Z', '2021-10-01T16:00:00.563Z'],
  ])('shows %s as %s', (date, text) => {
    expect(formatTimestamp(new Date(date))).toBe(text);
  });
});

describe(parseDeadline, () => {
  it('reads a date, or for ever, so that it is shown as it was sent', () => {
    expect(formatDeadline(parseDeadline('2021-10-01T16:00:00.000Z'))).toBe('2021-10-01T16:00:00Z');
    expect(formatDeadline(parseDeadline('forever'))).toBe('forever');
    expect(parseDeadline('forever')).toBeNull();
  });

  it.each([
    ...['', '2021-10-01', 'Forever', '2021-13-01T00:00:00Z', '2021-10-01T16:00:00+08:00', 'tomorrow'],
    ...['2021-02-30T00:00:00Z', '2021-10-01T24:00:00Z', '0000-01-01T00:00:00Z'],
  ])('refuses "%s"', (text) => {
    expect(() => parseDeadline(text)).toThrow(expect.objectContaining({ error: 'FIELD_INVALID' }));
  });
});
