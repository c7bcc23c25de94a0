import { validateSync } from 'class-validator';
import { IsDigest, IsEntityTag, IsId, IsReference, IsRepositoryName, IsTag } from './field-validators.js';

const SHA256 = `sha256:${'a'.repeat(64)}`;
const SHA512 = `sha512:${'b'.repeat(128)}`;
const NIL = '00000000-0000-0000-0000-000000000000';
const NOT_TEXT = [undefined, null, 5, {}, [], [SHA256], true];

class Fields {
  @IsRepositoryName()
  repository: unknown = 'library/busybox';

  @IsDigest()
  digest: unknown = SHA256;

  @IsReference()
  reference: unknown = 'latest';

  @IsTag()
  tag: unknown = 'latest';

  @IsEntityTag()
  entityTag: unknown = '*';

  @IsId()
  id: unknown = NIL;

  @IsDigest({ each: true })
  known: unknown = [SHA256];
}

const failuresOf = (fields: Partial<Fields>) =>
  validateSync(Object.assign(new Fields(), fields)).map(({ property, constraints }) => [
    property,
    ...Object.values(constraints ?? {}),
  ]);

describe('IsRepositoryName', () => {
  it.each(['library/busybox', 'acme/team/app', 'a/b.c_d-e__f'])('takes the canonical path %s', (repository) => {
    expect(failuresOf({ repository })).toEqual([]);
  });

  it.each([
    'busybox',
    'Library/busybox',
    'library/busybox/',
    '/library/busybox',
    'library//busybox',
    'library/busy box',
    '../etc/passwd',
    'library/busybox\n',
    '',
    `a/${'b'.repeat(300)}`,
    ...NOT_TEXT,
  ])('refuses %j', (repository) => {
    expect(failuresOf({ repository })).toEqual([['repository', 'repository is not a valid repository name']]);
  });
});

describe('IsDigest', () => {
  it.each([SHA256, SHA512])('takes %s', (digest) => {
    expect(failuresOf({ digest })).toEqual([]);
  });

  it.each([
    '',
    'latest',
    SHA256.toUpperCase(),
    `${SHA256}0`,
    SHA256.slice(0, -1),
    `md5:${'a'.repeat(32)}`,
    `${SHA256}\n`,
    ...NOT_TEXT,
  ])('refuses %j', (digest) => {
    expect(failuresOf({ digest })).toEqual([['digest', 'digest is not a valid digest']]);
  });

  it('looks at each entry of a list', () => {
    expect(failuresOf({ known: [] })).toEqual([]);
    expect(failuresOf({ known: [SHA256, SHA512] })).toEqual([]);
    expect(failuresOf({ known: [SHA256, 'latest'] })).toHaveLength(1);
  });
});

describe('IsReference', () => {
  it.each(['latest', '1.0', '_x', 'A-b.c', 'a'.repeat(128), SHA256, SHA512])('takes %s', (reference) => {
    expect(failuresOf({ reference })).toEqual([]);
  });

  it.each(['', '.hidden', '-x', 'a b', 'a/b', 'a:b', 'a'.repeat(129), 'sha256:abc', 'latest\n', ...NOT_TEXT])(
    'refuses %j',
    (reference) => {
      expect(failuresOf({ reference })).toEqual([['reference', 'reference is not a valid reference']]);
    },
  );
});

describe('IsTag', () => {
  it.each(['latest', '1.0', '_x', 'a'.repeat(128)])('takes %s', (tag) => {
    expect(failuresOf({ tag })).toEqual([]);
  });

  it.each(['', '.hidden', 'a b', 'a:b', SHA256, 'a'.repeat(129), 'latest\n', ...NOT_TEXT])('refuses %j', (tag) => {
    expect(failuresOf({ tag })).toEqual([['tag', 'tag is not a valid tag']]);
  });
});

describe('IsEntityTag', () => {
  it.each(['*', SHA256, SHA512])('takes %s', (entityTag) => {
    expect(failuresOf({ entityTag })).toEqual([]);
  });

  it.each(['', '**', 'latest', `"${SHA256}"`, `W/${SHA256}`, ...NOT_TEXT])('refuses %j', (entityTag) => {
    expect(failuresOf({ entityTag })).toEqual([['entityTag', 'entityTag is not a valid entity tag']]);
  });
});

describe('IsId', () => {
  it.each([
    '123e4567-e89b-42d3-a456-426614174000',
    NIL,
    '11111111-1111-1111-1111-111111111111',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
  ])('takes %s', (id) => {
    expect(failuresOf({ id })).toEqual([]);
  });

  it.each([
    NIL.replaceAll('-', ''),
    NIL.toUpperCase().replace('0', 'A'),
    `${NIL}\n`,
    ` ${NIL}`,
    NIL.slice(1),
    '',
    ...NOT_TEXT,
  ])('refuses %j', (id) => {
    expect(failuresOf({ id })).toEqual([['id', 'id is not a valid id']]);
  });
});
