import { SigningKeyStore, type StoredSigningKey } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { SecretBox } from './secret-box.js';

export const ALGORITHM = 'EdDSA';

export interface SigningKey {
  id: string;
  privateKey: CryptoKey;
}

/** The key pairs of the token issuer, shared by all replicas of auth through the database. */
@Injectable()
export class SigningKeys implements OnModuleInit {
  private readonly box: SecretBox;
  private keys: StoredSigningKey[] = [];
  private current: SigningKey | null = null;

  constructor(
    private readonly store: SigningKeyStore,
    settings: Settings,
  ) {
    this.box = new SecretBox(settings.secretKey!, 'signing keys');
  }

  async onModuleInit(): Promise<void> {
    if ((await this.store.active()).length === 0) await this.store.createFirst(await this.generate());
    this.keys = await this.store.active();
    this.current = await this.unseal(this.keys[0]!);
  }

  /** The key that signs new tokens. */
  signing(): SigningKey {
    return this.current!;
  }

  /** Public JWKs of every key whose tokens are accepted. */
  publicKeys(): Record<string, unknown>[] {
    return this.keys.map(({ id, algorithm, publicJwk }) => ({ ...publicJwk, kid: id, alg: algorithm, use: 'sig' }));
  }

  /** The public key of this id; undefined where it is none of ours. */
  publicKey(id: string | undefined): JWK | undefined {
    return this.keys.find((key) => key.id === id)?.publicJwk;
  }

  private async generate(): Promise<StoredSigningKey> {
    const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
    const publicJwk = await exportJWK(publicKey);
    const id = await calculateJwkThumbprint(publicJwk);
    const privateJwkEncrypted = this.box.seal(JSON.stringify(await exportJWK(privateKey)));
    return { id, algorithm: ALGORITHM, publicJwk, privateJwkEncrypted };
  }

  private async unseal({ id, privateJwkEncrypted }: StoredSigningKey): Promise<SigningKey> {
    let jwk: JWK;
    try {
      jwk = JSON.parse(this.box.open(privateJwkEncrypted)) as JWK;
    } catch (cause) {
      throw new Error('BERTH_SECRET_KEY is not the key that this database was set up with', { cause });
    }
    return { id, privateKey: (await importJWK(jwk, ALGORITHM)) as CryptoKey };
  }
}
