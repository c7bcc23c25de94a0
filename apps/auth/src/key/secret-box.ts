import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts what auth keeps secret in the database, under a key derived from the operator's for one purpose. */
export class SecretBox {
  private readonly key: Buffer;

  constructor(operatorKey: string, purpose: string) {
    this.key = Buffer.from(hkdfSync('sha256', operatorKey, 'berth', purpose, 32));
  }

  /** nonce, tag, ciphertext. */
  seal(text: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.key, nonce);
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]);
  }

  /** Throws where the box was sealed under another key, or changed since. */
  open(box: Uint8Array): string {
    const decipher = createDecipheriv(CIPHER, this.key, box.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAuthTag(box.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    return decipher.update(box.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  }
}
