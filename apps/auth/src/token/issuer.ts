/** Who signs tokens: the claim `iss` of all of them. */
export const ISSUER = 'berth';
