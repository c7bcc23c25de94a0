import { LIST_SIGNING_KEYS } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { parseRepositoryName, RegistryError } from '@berth/oci';
import { loadSettings } from '@berth/platform';
import { answering } from '@berth/platform/testing';
import fc from 'fast-check';
import { basicCredentials } from './auth/basic-credentials.js';
import { bearer } from './auth/caller.js';
import { CurrentAccess } from './auth/current-access.js';
import { TokenVerifier } from './auth/token-verifier.js';
import { isNotModified } from './registry/content-headers.js';
import { parseRegistryPath } from './registry/route-grammar.js';
import { KnownChanges } from './testing/known-changes.js';
import { aKey, aToken } from './testing/signing.js';
import { aRequest } from './testing/recorded-reply.js';

const SHA256 = `sha256:${'0a'.repeat(32)}`;
const SHA512 = `sha512:${'0a'.repeat(64)}`;

const anyText = fc.string({ unit: 'binary', maxLength: 200 });

/** What was thrown must be the client's fault, and say which. */
function refusalOf(error: unknown): RegistryError {
  if (!(error instanceof RegistryError)) throw error;
  expect(error.status).toBeGreaterThanOrEqual(400);
  expect(error.status).toBeLessThan(500);
  return error;
}

describe(parseRegistryPath.name, () => {
  const piece = fc.oneof(
    fc.constantFrom('a', 'b-c', 'blobs', 'manifests', 'tags', 'list', 'uploads', '_uploads', 'manage', 'v1', '', '.'),
    fc.constantFrom('..', '%2e%2e', '%2F', '%', '%zz', '%c3%28', '%00', '\\', 'Ü', 'A', SHA256, SHA512, 'sha256:abc'),
    fc.uuid({ version: 4 }),
    fc.string({ unit: 'binary', maxLength: 10 }),
  );

  it('answers a path, or that it is none, or a refusal in the words of the spec, to whatever comes', () => {
    const path = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('/')),
      anyText,
    );
    fc.assert(
      fc.property(path, (text) => {
        try {
          const parsed = parseRegistryPath(text);
          if (parsed === null || !('name' in parsed)) return;
          // The name that was let in is one of the grammar, and holds nothing that another reader takes for a separator.
          expect(parseRepositoryName(parsed.name.spelled)).toBe(parsed.name.repository);
          expect(parsed.name.repository).toMatch(/^[a-z0-9._/-]+$/);
        } catch (error) {
          expect(refusalOf(error).code).toMatch(/^(NAME|DIGEST|MANIFEST)_INVALID$|^BLOB_UPLOAD_UNKNOWN$/);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  const component = fc.oneof(
    fc.constantFrom('blobs', 'manifests', 'tags', 'list', 'uploads', 'library'),
    fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/),
  );
  const name = fc
    .array(component, { minLength: 1, maxLength: 5 })
    .filter(([first]) => first !== 'manage')
    .map((components) => components.join('/'));
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
  const digest = fc.constantFrom(SHA256, SHA512);
  const sessionId = fc.uuid({ version: 4 });
  /** Some of the characters as %XX, which says the same. */
  const encoded = (text: string, which: boolean[]) =>
    [...text]
      .map((character, at) =>
        character !== '/' && which[at % which.length]
          ? `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`
          : character,
      )
      .join('');
  const which = fc.array(fc.boolean(), { minLength: 1, maxLength: 7 });

  it('reads back what a path was made of, however it is encoded', () => {
    const parts = fc.oneof(
      fc.record({ kind: fc.constant('tags' as const), name }),
      fc.record({ kind: fc.constant('manifest' as const), name, tag }),
      fc.record({ kind: fc.constant('manifest' as const), name, digest }),
      fc.record({ kind: fc.constant('blob' as const), name, digest }),
      fc.record({ kind: fc.constant('uploads' as const), name }),
      fc.record({ kind: fc.constant('upload' as const), name, sessionId }),
    );
    fc.assert(
      fc.property(parts, which, (made, characters) => {
        const { name: spelled, kind } = made;
        const rest = restOf(made);
        const canonical = { spelled, repository: spelled.includes('/') ? spelled : `library/${spelled}` };
        const parsed = parseRegistryPath(encoded(`${spelled}/${rest}`, characters));
        expect(parsed).toMatchObject({ kind, name: canonical });
        if ('tag' in made) expect(parsed).toMatchObject({ reference: { kind: 'tag', tag: made.tag } });
        if ('sessionId' in made) expect(parsed).toMatchObject({ sessionId: made.sessionId });
        if (kind === 'blob') expect(parsed).toMatchObject({ digest: made.digest });
      }),
      { numRuns: 1_000 },
    );
  });

  const restOf = (made: { kind: string; tag?: string; digest?: string; sessionId?: string }): string => {
    if (made.kind === 'tags') return 'tags/list';
    if (made.kind === 'manifest') return `manifests/${made.tag ?? made.digest}`;
    if (made.kind === 'blob') return `blobs/${made.digest}`;
    return `blobs/uploads/${made.sessionId ?? ''}`;
  };
});

describe('credentials', () => {
  const header = fc.oneof(
    anyText,
    anyText.map((text) => `Basic ${text}`),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`),
    fc.nat(20_000).map((length) => `Basic ${'QTpC'.repeat(length)}`),
  );

  it('are a name and a password within bounds, or UNAUTHORIZED', () => {
    fc.assert(
      fc.property(header, (text) => {
        try {
          const { username, password } = basicCredentials(text)!;
          expect(username.length).toBeGreaterThan(0);
          expect(username.length).toBeLessThanOrEqual(256);
          expect(password.length).toBeLessThanOrEqual(4_096);
          expect(username).not.toContain(':');
        } catch (error) {
          expect(refusalOf(error).code).toBe('UNAUTHORIZED');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('are read back as they were written', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 50 }).filter((value) => !/[\u0000-\u001f\u007f]/.test(value));
    const user = text.filter((value) => value !== '' && !value.includes(':'));
    fc.assert(
      fc.property(user, text, (username, password) => {
        const written = Buffer.from(`${username}:${password}`).toString('base64');
        expect(basicCredentials(`Basic ${written}`)).toEqual({ username, password });
      }),
    );
  });

  it('allow what a token names, by whole names, and nothing else', async () => {
    const name = fc.constantFrom('a/b', 'a/bc', 'a', 'library/a', 'a/b/c', 'A/b', 'a/*', '*', '', '../a');
    const actions = fc.subarray(['pull', 'push', 'delete', '*']);
    const scope = fc.record({ type: fc.constantFrom('repository', 'registry', ''), name, actions });
    await fc.assert(
      fc.asyncProperty(
        fc.array(scope, { maxLength: 4 }),
        fc.constantFrom('a/b', 'a/bc', 'a', 'a/b/c'),
        async (access, asked) => {
          const repository = parseRepositoryName(asked);
          const named = access.filter(
            (entry) => entry.type === 'repository' && [asked, repository as string].includes(entry.name),
          );
          for (const action of ['pull', 'push', 'delete'] as const) {
            const expected = named.some((entry) => entry.actions.includes(action));
            expect(await bearer({ userId: 'u', credential: 'password:x' }, access, []).may(action, repository)).toBe(
              expected,
            );
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe(TokenVerifier.name, () => {
  it('takes a token as it was signed, and none that differs from it by a character', async () => {
    const key = await aKey();
    const bus = new InProcessBus();
    answering(bus, LIST_SIGNING_KEYS, () => ({ keys: [key.jwk] }));
    const settings = loadSettings({});
    const changes = new KnownChanges(bus, settings);
    const verifier = new TokenVerifier(bus, settings, changes, new CurrentAccess(bus, settings, changes));
    const token = await aToken(key);
    expect((await verifier.verify(token)).userId).toBe('u-1');
    // Of what a Bearer header may hold; the last character of the signature has bits that say nothing.
    const changed = fc
      .tuple(fc.nat(token.length - 2), fc.nat(1), fc.string({ unit: fc.constantFrom(...'aZ09._~-=+/'), maxLength: 2 }))
      .map(([at, removed, put]) => token.slice(0, at) + put + token.slice(at + removed))
      .filter((text) => text !== token);
    const headers = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'));
    const odd = fc.tuple(headers, headers, anyText).map((parts) => parts.join('.'));
    await fc.assert(
      fc.asyncProperty(fc.oneof(changed, odd, anyText), async (text) => {
        const error = await verifier.verify(text).then(
          () => null,
          (reason: unknown) => reason,
        );
        expect(refusalOf(error).code).toBe('UNAUTHORIZED');
      }),
      { numRuns: 500 },
    );
  });
});

describe(isNotModified.name, () => {
  it('knows the ETag in whatever list it stands, and takes nothing else for it', () => {
    const tag = fc.oneof(fc.constantFrom(`"${SHA256}"`, `W/"${SHA256}"`, SHA256, `"${SHA512}"`, '"', 'W/'), anyText);
    fc.assert(
      fc.property(fc.array(tag), (tags) => {
        const value = tags.join(', ');
        const { request } = aRequest({ headers: { 'if-none-match': value } });
        const named = value.split(',').map((part) => part.trim());
        const expected =
          value.trim() === '*' || [`"${SHA256}"`, `W/"${SHA256}"`].some((entry) => named.includes(entry));
        expect(isNotModified(request, SHA256)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });
});
