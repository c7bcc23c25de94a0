// npm run images: an image of each service, and of the migrations, built with docker from this workspace.
//   npm run images -- --registry registry.example/team --tag 1.2.3
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './build.mjs';
import { ensureInstalled, ROOT } from './install.mjs';

const USAGE = `usage: npm run images -- [options]
  --base IMAGE         what the images stand on: Node.js 24.9 or newer, as node on PATH
  --tag TAG            default: the version in package.json
  --registry PREFIX    before the names, as in PREFIX/berth-gateway:TAG
  --source URL         where the sources are, for the label
  --only NAME,...      these images only
  --out FOLDER         only write the build context there, with its Dockerfile, and print the commands`;

function optionsFrom(args) {
  const option = { type: 'string' };
  const options = { base: option, tag: option, registry: option, source: option, only: option, out: option };
  try {
    return parseArgs({ args: args.filter((word) => word !== '--'), options }).values;
  } catch (error) {
    throw new Error(`${error.message}\n${USAGE}`, { cause: error });
  }
}

/** The commit, marked where the work tree differs from it, and its time; without git neither is known. */
function revision() {
  const git = (...args) => {
    const { status, stdout } = spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : '';
  };
  const commit = git('rev-parse', 'HEAD');
  const changed = git('status', '--porcelain') !== '';
  const seconds = Number(process.env.SOURCE_DATE_EPOCH || git('show', '-s', '--format=%ct', 'HEAD') || 0);
  return { commit: commit && `${commit}${changed ? '-changed' : ''}`, created: new Date(seconds * 1000) };
}

async function main() {
  const options = optionsFrom(process.argv.slice(2));
  ensureInstalled();
  ensureBuilt();
  const { IMAGES, writeContext } = await import('./images/build-context.mjs');
  const names = options.only?.split(',') ?? IMAGES;
  const unknown = names.filter((name) => !IMAGES.includes(name));
  if (unknown.length) throw new Error(`no image is called ${unknown.join(', ')}; there are ${IMAGES.join(', ')}`);

  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { commit, created } = revision();
  const folder = options.out ? resolve(options.out) : mkdtempSync(join(tmpdir(), 'berth-images-'));
  const reference = (name) =>
    `${options.registry ? `${options.registry}/` : ''}berth-${name}:${options.tag ?? version}`;
  const commandOf = (name) => {
    const values = {
      ...(options.base && { BASE: options.base }),
      SERVICE: name,
      VERSION: options.tag ?? version,
      REVISION: commit,
      CREATED: created.toISOString(),
      SOURCE: options.source ?? '',
    };
    const args = Object.entries(values).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
    return ['docker', 'build', '--tag', reference(name), ...args, folder];
  };
  try {
    const written = writeContext(folder, { version, created });
    const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
    console.log(`in every image: ${size(written.common.bytes)}, ${written.common.packages} packages`);
    for (const name of names) {
      if (options.out) {
        console.log(commandOf(name).join(' '));
        continue;
      }
      const [program, ...args] = commandOf(name);
      const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${reference(name)} was not built: ${error?.message ?? `${stdout}${stderr}`}`);
      console.log(`${reference(name)}: ${size(written[name].bytes)} more, ${written[name].packages} packages in all`);
    }
  } finally {
    if (!options.out) rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
