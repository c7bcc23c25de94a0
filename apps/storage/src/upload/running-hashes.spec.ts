import { createHash } from 'node:crypto';
import type { UploadSessionRow } from '@berth/metadata';
import { digestsSoFar, RunningHashes } from './running-hashes.js';

const sha = (text: string, algorithm = 'sha256') => createHash(algorithm).update(text).digest('hex');

const row = (over: Partial<UploadSessionRow> = {}): UploadSessionRow => ({
  id: 's',
  repository: 'a/b',
  offset: 0,
  object: null,
  sha256: null,
  sha512: null,
  algorithm: 'sha256',
  claim: null,
  ...over,
});

describe(RunningHashes, () => {
  it('begins with the algorithm of the session', () => {
    expect(new RunningHashes().continue(row())!.update('ab').digest('hex')).toBe(sha('ab'));
    const long = new RunningHashes().continue(row({ algorithm: 'sha512' }));
    expect(long!.update('ab').digest('hex')).toBe(sha('ab', 'sha512'));
  });

  it('goes on where the row agrees', () => {
    const hashes = new RunningHashes();
    hashes.remember('s', 2, createHash('sha256').update('ab'));
    const hash = hashes.continue(row({ offset: 2, sha256: sha('ab') }));
    expect(hash!.update('cd').digest('hex')).toBe(sha('abcd'));
  });

  it.each([
    ['another offset', { offset: 3, sha256: sha('ab') }],
    ['the same offset with other bytes', { offset: 2, sha256: sha('xy') }],
    ['bytes that nobody hashed', { offset: 2, sha256: null }],
    ['another algorithm', { offset: 2, sha512: sha('ab', 'sha512'), algorithm: 'sha512' as const }],
    ['another session', { id: 't', offset: 2, sha256: sha('ab') }],
  ])('knows nothing where the row says %s', (_what, over) => {
    const hashes = new RunningHashes();
    hashes.remember('s', 2, createHash('sha256').update('ab'));
    expect(hashes.continue(row(over))).toBeNull();
  });

  it('gives a hash away once: two appends never feed the same one', () => {
    const hashes = new RunningHashes();
    hashes.remember('s', 2, createHash('sha256').update('ab'));
    expect(hashes.continue(row({ offset: 2, sha256: sha('ab') }))).not.toBeNull();
    expect(hashes.continue(row({ offset: 2, sha256: sha('ab') }))).toBeNull();
  });

  it('forgets', () => {
    const hashes = new RunningHashes();
    hashes.remember('s', 2, createHash('sha256').update('ab'));
    hashes.forget('s');
    expect(hashes.continue(row({ offset: 2, sha256: sha('ab') }))).toBeNull();
  });
});

describe(digestsSoFar, () => {
  it('names the digest under its algorithm, and leaves the hash usable', () => {
    const hash = createHash('sha256').update('ab');
    expect(digestsSoFar('sha256', hash)).toEqual({ sha256: sha('ab'), sha512: null });
    expect(hash.update('c').digest('hex')).toBe(sha('abc'));
    const long = createHash('sha512').update('ab');
    expect(digestsSoFar('sha512', long)).toEqual({ sha256: null, sha512: sha('ab', 'sha512') });
  });

  it('is nothing where nothing was hashed', () => {
    expect(digestsSoFar('sha256', null)).toEqual({ sha256: null, sha512: null });
  });
});
