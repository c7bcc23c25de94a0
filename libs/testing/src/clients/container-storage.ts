import { join } from 'node:path';

/** Arguments that keep the images of podman and buildah below one folder, stored as plain files. */
export function containerStorage(folder: string): string[] {
  return ['--storage-driver', 'vfs', '--root', join(folder, 'storage'), '--runroot', join(folder, 'runroot')];
}

/** A signature policy that accepts every image, whatever the machine's own policy is. */
export const TRUST_ANYTHING = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });
