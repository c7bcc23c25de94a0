import { hkdfSync } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';

const TYPE = 'operator+jwt';
const ALGORITHM = 'HS256';
const LIFE_SECONDS = 60;
/** How far the clock of whoever made it may be from ours. */
const SKEW_SECONDS = 5;

/** A token for whoever holds BERTH_SECRET_KEY, good for a minute. `audience` is BERTH_TOKEN_SERVICE. */
export function signOperatorToken(secretKey: string, audience: string): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + LIFE_SECONDS)
    .sign(keyFrom(secretKey));
}

/** Whether a token says that it is one of an operator: nothing is verified. */
export function claimsOperator(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === TYPE;
  } catch {
    return false;
  }
}

/** False where it was made with another key or for another audience, or is over, or says that it lasts longer than a minute. */
export async function isOperatorToken(secretKey: string, audience: string, token: string): Promise<boolean> {
  try {
    await jwtVerify(token, keyFrom(secretKey), {
      algorithms: [ALGORITHM],
      typ: TYPE,
      audience,
      requiredClaims: ['exp', 'iat'],
      maxTokenAge: LIFE_SECONDS,
      clockTolerance: SKEW_SECONDS,
    });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}

const keyFrom = (secretKey: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secretKey, 'berth', 'operator tokens', 32));
