// What is in an image, as SPDX 2.3: by `npm sbom`, of a lock file that has these packages and no others.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../install.mjs';

/** `packages` are places in package-lock.json. The same packages at the same time give the same document. */
export function billOfMaterials({ name, version, created, packages }) {
  const { packages: lock, lockfileVersion } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const kept = (dependencies = {}) =>
    Object.fromEntries(Object.entries(dependencies).filter(([dependency]) => places(dependency)));
  const places = (dependency) => packages.some((place) => place.endsWith(`node_modules/${dependency}`));
  const direct = packages.filter((place) => place.lastIndexOf('node_modules/') === 0);
  const root = {
    name,
    version,
    license: 'Apache-2.0',
    dependencies: Object.fromEntries(direct.map((place) => [place.slice('node_modules/'.length), lock[place].version])),
  };
  const entries = packages.map((place) => {
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta, ...entry } = lock[place];
    for (const flag of ['dev', 'optional', 'devOptional', 'peer']) delete entry[flag];
    return [place, { ...entry, dependencies: kept({ ...dependencies, ...optionalDependencies }) }];
  });
  const folder = mkdtempSync(join(tmpdir(), 'berth-sbom-'));
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(root));
    const pruned = { name, version, lockfileVersion, packages: { '': root, ...Object.fromEntries(entries) } };
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(pruned));
    const args = ['sbom', '--sbom-format=spdx', '--package-lock-only', '--sbom-type=application'];
    const document = JSON.parse(
      execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    );
    const digest = createHash('sha256').update(JSON.stringify(document.packages)).digest('hex');
    document.documentNamespace = `https://spdx.org/spdxdocs/${name}-${version}-${digest.slice(0, 32)}`;
    document.creationInfo.created = created.toISOString().replace(/\.\d+Z$/, 'Z');
    return `${JSON.stringify(document, null, 1)}\n`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
