import { isIP } from 'node:net';
import { ValidateBy, type ValidationOptions } from 'class-validator';

const LONGEST_PREFIX: Record<number, number> = { 4: 32, 6: 128 };

/** An IP address, or a range of them in CIDR notation. A range of all addresses is none. */
function isAddressRange(text: unknown): boolean {
  if (typeof text !== 'string') return false;
  const [address = '', prefix, ...rest] = text.split('/');
  const longest = LONGEST_PREFIX[isIP(address)];
  if (longest === undefined || address.includes('%') || rest.length > 0) return false;
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= longest);
}

/** The setting holds an address or a range. */
export const IsAddressRange = (options: ValidationOptions): PropertyDecorator =>
  ValidateBy({ name: 'address range', validator: { validate: isAddressRange } }, options);
