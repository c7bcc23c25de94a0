import { IsBoolean, IsOptional, IsString, MaxLength } from 'class-validator';
import { bodiesOf, bodyOf, textsOf } from './request-body.js';

class Repository {
  @IsString()
  repository!: string;

  @IsBoolean({ context: { error: 'VISIBILITY_INVALID' } })
  is_public!: boolean;

  @IsOptional()
  @IsString()
  @MaxLength(5, { context: { error: 'DESCRIPTION_TOO_LONG' } })
  description?: string;
}

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const refusedAs = (error: string) => expect.objectContaining({ error }) as Error;
const GOOD = { repository: 'app', is_public: true };

describe(bodyOf, () => {
  it('gives the fields that it knows', () => {
    const body = bodyOf(Repository, bytes({ ...GOOD, colour: 'red' }));
    expect(body).toBeInstanceOf(Repository);
    expect({ ...body }).toEqual(GOOD);
  });

  it.each([
    ['no body', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['an array', '[]'],
    ['a text', '"repository"'],
    ['text that is not UTF-8', '\xff\xfe'],
  ])('refuses %s as malformed', (_what, body) => {
    expect(() => bodyOf(Repository, Buffer.from(body, 'latin1'))).toThrow(refusedAs('BODY_MALFORMED'));
  });

  it.each([
    [{ is_public: true }, 'FIELD_MISSING'],
    [{ repository: null, is_public: true }, 'FIELD_MISSING'],
    [{ repository: 7, is_public: true }, 'FIELD_INVALID'],
    [{ repository: 'app', is_public: 'yes' }, 'VISIBILITY_INVALID'],
    [{ ...GOOD, description: 'too long' }, 'DESCRIPTION_TOO_LONG'],
  ])('refuses %j', (body, error) => {
    expect(() => bodyOf(Repository, bytes(body))).toThrow(refusedAs(error));
  });

  it('takes no prototype from a client', () => {
    const body = bodyOf(Repository, bytes('{"__proto__":{"repository":"app"},"repository":"x","is_public":false}'));
    expect(body).toBeInstanceOf(Repository);
    expect(() => bodyOf(Repository, bytes('{"__proto__":{"repository":"app","is_public":true}}'))).toThrow(
      refusedAs('FIELD_MISSING'),
    );
  });

  it('is not brought down by depth', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect({ ...bodyOf(Repository, bytes(`{"repository":"app","is_public":true,"x":${deep}}`)) }).toEqual(GOOD);
  });
});

describe(bodiesOf, () => {
  it('gives each', () => {
    expect(bodiesOf(Repository, bytes([GOOD, GOOD]), 2).map((body) => ({ ...body }))).toEqual([GOOD, GOOD]);
  });

  it.each([[[]], [{}], [[GOOD, 7]], [[GOOD, GOOD, GOOD]], [[[GOOD]]]])('refuses %j', (body) => {
    expect(() => bodiesOf(Repository, bytes(body), 2)).toThrow(refusedAs('BODY_MALFORMED'));
  });
});

describe(textsOf, () => {
  it('gives each', () => {
    expect(textsOf(bytes(['a', 'b']), 2)).toEqual(['a', 'b']);
  });

  it.each(['', '[]', '{}', '"a"', '["a",1]', '["a","b","c"]'])('refuses %s', (body) => {
    expect(() => textsOf(bytes(body), 2)).toThrow(refusedAs('BODY_MALFORMED'));
  });
});
