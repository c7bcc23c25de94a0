import { scryptSync } from 'node:crypto';
import { hashPassword, verifyPassword } from './password-hash.js';

// A hash costs a tenth of a second of a processor on purpose, and there may be little of one.
jest.setTimeout(60_000);

describe(hashPassword, () => {
  it('gives a PHC string with the parameters, a salt of 16 bytes and a key of 32', async () => {
    const hash = await hashPassword('correct horse');
    const [, name, parameters, salt, key] = hash.split('$');
    expect([name, parameters]).toEqual(['scrypt', 'ln=15,r=8,p=1']);
    expect(Buffer.from(salt!, 'base64')).toHaveLength(16);
    expect(Buffer.from(key!, 'base64')).toHaveLength(32);
    expect(hash).not.toContain('=\n');
    expect(hash).not.toContain('correct');
  });

  it('is another one each time', async () => {
    expect(await hashPassword('same')).not.toBe(await hashPassword('same'));
  });
});

describe(verifyPassword, () => {
  it('takes the right password only', async () => {
    const hash = await hashPassword('pässword€ ');
    expect(await verifyPassword('pässword€ ', hash)).toBe(true);
    for (const wrong of ['pässword€', 'Pässword€ ', '', 'x', 'pässword€ x', hash]) {
      expect([wrong, await verifyPassword(wrong, hash)]).toEqual([wrong, false]);
    }
  });

  it('takes hashes with other parameters than today’s', async () => {
    const salt = Buffer.from('0123456789abcdef');
    const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
    for (const [ln, r, p, length] of [
      [10, 8, 1, 32],
      [14, 4, 2, 64],
      [16, 8, 1, 16],
    ] as const) {
      const key = scryptSync('secret', salt, length, { N: 2 ** ln, r, p, maxmem: 2 ** 28 });
      const hash = `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(key)}`;
      expect(await verifyPassword('secret', hash)).toBe(true);
      expect(await verifyPassword('other', hash)).toBe(false);
    }
  });

  it('checks some passwords at once, refuses the rest of many, and is there again when those are checked', async () => {
    const hash = await hashPassword('secret');
    const passwords = Array.from({ length: 100 }, (_, n) => (n === 0 ? 'secret' : `wrong ${n}`));
    const outcomes = await Promise.allSettled(passwords.map((password) => verifyPassword(password, hash)));
    const [checked, refused] = [outcomes.slice(0, 22), outcomes.slice(22)];
    expect(checked.map((outcome) => outcome.status === 'fulfilled' && outcome.value)).toEqual([
      true,
      ...Array<boolean>(21).fill(false),
    ]);
    for (const outcome of refused) expect(outcome).toMatchObject({ reason: { code: 'TOOMANYREQUESTS', status: 429 } });
    expect(await verifyPassword('secret', hash)).toBe(true);
  });

  it('checks one password once for all who give it at once', async () => {
    const hash = await hashPassword('secret');
    const logins = Array.from({ length: 100 }, () => verifyPassword('secret', hash));
    expect(new Set(await Promise.all(logins))).toEqual(new Set([true]));
  });

  it.each(['', 'secret', '$2b$10$abcdefghijklmnopqrstuv', '$scrypt$ln=15,r=8,p=1$$', '$scrypt$ln=x,r=8,p=1$YWJj$YWJj'])(
    'refuses what is no hash of ours: %p',
    async (hash) => {
      await expect(verifyPassword('secret', hash)).rejects.toThrow('a stored password hash is not a PHC string');
    },
  );
});
