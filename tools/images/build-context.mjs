// The build context of deploy/images/Dockerfile: `common` has what every image has, a folder for each image has the rest.
import {
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from '../install.mjs';
import { billOfMaterials } from './bill-of-materials.mjs';
import { filesOf } from './service-files.mjs';

const SERVICES = ['gateway', 'registry-v2', 'manage', 'auth', 'storage', 'gc-worker'];

/** The engine of migrations is loaded by a name that no import statement has. */
const MIGRATE = {
  main: "if (process.argv.length < 3) process.argv.push('deploy');\nawait import('./libs/metadata/dist/migrate-main.js');\n",
  files: () => filesOf('libs/metadata/dist/migrate-main.js', ['@prisma/schema-engine-wasm']),
  folders: ['prisma/schema', 'prisma/migrations'],
};

/** Every image, by its name without `berth-`. */
export const IMAGES = [...SERVICES, 'migrate'];

const imageOf = (name) =>
  name === 'migrate'
    ? MIGRATE
    : {
        main: `import './apps/${name}/dist/main.js';\n`,
        files: () => filesOf(`apps/${name}/dist/main.js`),
        folders: [],
      };

/** Of a package all is taken but what only people and compilers read, and licences always. */
const LICENCE = /^(licen[cs]e|copying|notice)/i;
const NOT_RUN = /\.(?:[cm]?ts|map|md|markdown|flow|html|yml|yaml)$/;
const NOT_RUN_FOLDERS = new Set([
  'test',
  'tests',
  'docs',
  'doc',
  'example',
  'examples',
  'benchmark',
  'benchmarks',
  '.github',
]);

/** What these packages have for browsers, bundlers and databases that Berth does not use. */
const OTHER_PLATFORMS = {
  '@prisma/client':
    /^(?:generator-build|scripts)\/|^runtime\/(?:query_compiler_(?!fast_bg\.postgresql\.(?:wasm-base64\.)?mjs)|.*(?:edge|browser))/,
  rxjs: /^(?:src|dist\/(?:esm|esm5|bundles|types))\//,
  'libphonenumber-js': /^(?:bundle|es6|index\.es6|.*\.es6)\//,
  'class-validator': /^(?:bundles|esm5|esm2015)\//,
  'class-transformer': /^(?:bundles|esm5|esm2015)\//,
  '@opentelemetry/api': /^build\/(?:esm|esnext)\//,
};

/**
 * Writes the context into `out`, a folder that is empty or not there. Every file gets the time `created`, so that the same
 * sources give the same layers. Gives what each image has: `{ gateway: { packages, bytes } }`, and of `common`.
 */
export function writeContext(out, { version, created }) {
  const contents = new Map(IMAGES.map((name) => [name, imageOf(name).files()]));
  const services = SERVICES.map((name) => contents.get(name));
  const inAll = (key) => services[0][key].filter((one) => services.every((service) => service[key].includes(one)));
  const common = { files: inAll('files'), packages: inAll('packages') };
  const target = new Context(join(out, 'common'), created);
  target.add(common);
  const written = { common: target.finish(common.packages) };
  for (const [name, { files, packages }] of contents) {
    const own = new Context(join(out, name), created);
    const rest = (key, all) => all.filter((one) => !common[key].includes(one));
    own.add({ files: rest('files', files), packages: rest('packages', packages) });
    const { main, folders } = imageOf(name);
    for (const folder of folders) own.copyTree(folder, () => true);
    own.write('main.js', main);
    own.copy('LICENSE', 'LICENSE');
    const all = [...new Set([...common.packages, ...packages])].sort();
    own.write('sbom.spdx.json', billOfMaterials({ name: `berth-${name}`, version, created, packages: all }));
    written[name] = own.finish(all);
  }
  copyFileSync(join(ROOT, 'deploy/images/Dockerfile'), join(out, 'Dockerfile'));
  return written;
}

class Context {
  #bytes = 0;

  constructor(folder, created) {
    this.folder = folder;
    this.created = created;
    mkdirSync(folder, { recursive: true });
  }

  /** Compiled files with the package.json of their projects, which are found below node_modules as in the workspace. */
  add({ files, packages }) {
    for (const file of files) this.copy(file, file);
    for (const project of new Set(files.map((file) => file.split('/').slice(0, 2).join('/')))) {
      this.copy(`${project}/package.json`, `${project}/package.json`);
      const { name } = JSON.parse(readFileSync(join(ROOT, project, 'package.json'), 'utf8'));
      this.#link(join('node_modules', name), project);
    }
    for (const place of packages) {
      const name = place.split('node_modules/').at(-1);
      this.copyTree(place, (path) => isRun(name, path));
    }
  }

  /** Without what is installed below it: that is a package of its own. */
  copyTree(folder, isTaken) {
    const visit = (path) => {
      for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true })) {
        const inner = join(path, entry.name);
        if (entry.isDirectory() ? entry.name !== 'node_modules' && isTaken(`${relative(folder, inner)}/`) : false)
          visit(inner);
        else if (entry.isFile() && isTaken(relative(folder, inner))) this.copy(inner, inner);
      }
    };
    visit(folder);
  }

  copy(from, to) {
    this.write(to, readFileSync(join(ROOT, from)));
  }

  write(path, content) {
    const target = join(this.folder, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    writeFileSync(target, content, { mode: 0o644 });
    this.#bytes += Buffer.byteLength(content);
  }

  #link(path, project) {
    const target = join(this.folder, path);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    symlinkSync(relative(dirname(path), project), target);
  }

  finish(packages) {
    const visit = (path) => {
      if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
      lutimesSync(path, this.created, this.created);
    };
    visit(this.folder);
    return { packages: packages.length, bytes: this.#bytes };
  }
}

/** `path` is relative to the package; that of a folder ends with a slash. */
function isRun(name, path) {
  if (path.endsWith('/')) return !NOT_RUN_FOLDERS.has(path.slice(0, -1)) && !OTHER_PLATFORMS[name]?.test(path);
  const file = path.split('/').at(-1);
  return LICENCE.test(file) || !(NOT_RUN.test(file) || OTHER_PLATFORMS[name]?.test(path));
}
