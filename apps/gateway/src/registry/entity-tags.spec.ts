import { digestOf } from '@berth/oci';
import { aRequest } from '../testing/recorded-reply.js';
import { preconditionOf } from './entity-tags.js';

const one = digestOf(Buffer.from('1'));
const two = digestOf(Buffer.from('2'), 'sha512');
const of = (headers: Record<string, string>) => preconditionOf(aRequest({ headers }).request);

describe(preconditionOf, () => {
  it('is none where no header asks for one', () => {
    expect(of({})).toBeUndefined();
  });

  it.each([
    ['*', ['*']],
    [' * ', ['*']],
    [`"${one}"`, [one]],
    [`"${one}" ,"${two}"`, [one, two]],
    [`"${one}","other","*"`, [one]],
    ['"other"', []],
    ['""', []],
  ])('reads the list %s', (field, expected) => {
    expect(of({ 'if-match': field })).toEqual({ ifMatch: expected });
    expect(of({ 'if-none-match': field })).toEqual({ ifNoneMatch: expected });
  });

  it('compares a weak one for If-None-Match only', () => {
    const field = `W/"${one}", "${two}"`;
    expect(of({ 'if-match': field, 'if-none-match': field })).toEqual({ ifMatch: [two], ifNoneMatch: [one, two] });
  });

  it.each(['', one, `'${one}'`, `"${one}`, `"${one}" "${two}"`, `"${one}",`, '*, "x"', `w/"${one}"`, '"a b"'])(
    'refuses %j, which is no list of entity tags',
    (field) => {
      for (const name of ['if-match', 'if-none-match']) {
        expect(() => of({ [name]: field })).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID', status: 400 }));
      }
    },
  );
});
