import { readFileSync, realpathSync } from 'node:fs';

import { runCommand, tarArchive, type TarEntry } from '@berth/testing';

const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * The file system of an image that Berth's can stand on, as a tar: the Node.js that runs this, the libraries that it needs,
 * certificates, and nothing else. It is what the public base has, for machines that reach no registry.
 */
export async function baseImage(): Promise<Buffer> {
  const { stdout } = await runCommand('ldd', [process.execPath]);
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  const entries: TarEntry[] = [
    { path: 'tmp', mode: 0o1777 },
    { path: 'etc/passwd', content: 'nonroot:x:65532:65532::/:/nologin\n' },
    { path: 'usr/local/bin/node', content: readFileSync(process.execPath), mode: 0o755 },
    { path: CERTIFICATES.slice(1), content: readFileSync(CERTIFICATES) },
    ...libraries.map((path) => ({ path: path.slice(1), content: readFileSync(realpathSync(path)), mode: 0o755 })),
  ];
  return tarArchive(entries);
}
