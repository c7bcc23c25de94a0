const UUID = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/i;

/** An id of an account, a project or a user as clients know it: 32 digits of lower-case hex. */
export const wireId = (uuid: string): string => uuid.replaceAll('-', '').toLowerCase();

/** The UUID of an id that a client sent, with hyphens or without; null where it is none. */
export function parseWireId(text: string): string | null {
  const parts = UUID.exec(text);
  return parts && parts.slice(1).join('-').toLowerCase();
}
