/** The pattern of LIKE for texts that contain this one, whatever characters it has. */
export const containing = (part: string): string => `%${part.replaceAll(/[\\%_]/g, '\\$&')}%`;
