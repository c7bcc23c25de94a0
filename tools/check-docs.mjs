// `npm run check:docs`: what the documentation says about the code is still there. Needs a build; prints what is wrong.
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REGISTRY_ERRORS } from '@berth/oci';
import { troublesOfRaces } from './check-races.mjs';
import { troublesOfSpecCoverage } from './check-spec-coverage.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DOCUMENTS = ['*.md', 'docs/**/*.md', 'apps/*/README.md', 'libs/*/README.md', 'e2e/README.md', 'deploy/**/*.md'];
const SOURCES = ['{apps,libs,e2e}/*/src/**/*.ts', 'e2e/src/**/*.ts', 'tools/**/*.mjs'];
const NOT_SOURCES = /\/(dist|generated|node_modules)\//;

/** What is meant as a path of this repository: below one of its folders, or a file by its ending. */
const IN_REPOSITORY = /^(?:apps|libs|tools|docs|prisma|e2e|deploy|\.ci)(?:\/[\w.@*{},-]+)*\/?$/;
const FILE_NAME = /^[\w@-][\w.@-]*(?:\/[\w.@-]+)*\.(?:ts|mjs|md|json|sql|prisma|toml|ya?ml)$/;

const troubles = [];

/** Documents and sources are read once; paths in what is printed are those of the repository. */
const find = (patterns) =>
  patterns.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).filter((path) => !NOT_SOURCES.test(`/${path}`));
const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const documents = find(DOCUMENTS)
  .sort()
  .map((path) => ({ path, text: read(path) }));
const sources = find(SOURCES)
  .filter((path) => !/\.spec\.ts$/.test(path))
  .map((path) => ({ path, text: read(path) }));

/** The text with fenced blocks blanked, so that places in it are those of the text. */
const prose = (text) => text.replace(/^( *)(```|~~~)[^]*?^\1\2/gm, (block) => block.replace(/[^\n]/g, ' '));
const lineOf = (text, index) => text.slice(0, index).split('\n').length;
const matches = (text, expression) => [...text.matchAll(expression)];
const complain = (document, match, what) =>
  troubles.push(`${document.path}:${lineOf(document.text, match.index)}  ${what}`);

/** A path in backticks exists: from the root, from the document's folder, or (a file's name alone) in that project. */
function checkPaths(document) {
  const folder = dirname(document.path);
  for (const match of matches(prose(document.text), /`([^`\n]+)`/g)) {
    const path = match[1];
    if (IN_REPOSITORY.test(path) ? exists(path) : !FILE_NAME.test(path) || existsNear(folder, path)) continue;
    complain(document, match, `there is no ${path}`);
  }
}

const exists = (path) => (/[*{]/.test(path) ? globSync(path, { cwd: ROOT }).length > 0 : existsSync(join(ROOT, path)));
const existsNear = (folder, path) =>
  ['', folder, join(folder, 'src')].some((base) => existsSync(join(ROOT, base, path))) ||
  sources.some((source) => source.path.startsWith(projectOf(folder)) && source.path.endsWith(`/${path}`));
/** `libs/oci/` for what stands there; nothing, and so everything, for the documents about the whole. */
const projectOf = (folder) => (/^(?:apps|libs)\//.test(folder) ? `${folder}/` : '');

/** A relative link leads to a file, and its fragment to a heading of it. */
function checkLinks(document) {
  for (const match of matches(prose(document.text), /\]\(([^)\s]+)\)/g)) {
    const [target, fragment] = match[1].split('#');
    if (/^[a-z]+:/i.test(match[1])) continue;
    const file = target === '' ? join(ROOT, document.path) : resolve(ROOT, dirname(document.path), target);
    if (relative(ROOT, file).startsWith('..') || !existsSync(file))
      complain(document, match, `the link ${match[1]} leads nowhere`);
    else if (fragment && statSync(file).isFile() && !headings(readFileSync(file, 'utf8')).has(fragment)) {
      complain(document, match, `${target || document.path} has no heading #${fragment}`);
    }
  }
}

/** Fragments as GitHub makes them of headings. */
const headings = (text) =>
  new Set(
    matches(prose(text), /^#+ +(.+)$/gm).map(([, title]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );

/** Settings, npm scripts and message subjects that are named exist. */
function checkNames(document) {
  const { scripts } = JSON.parse(read('package.json'));
  for (const match of matches(document.text, /\bBERTH_[A-Z0-9_]+\b/g)) {
    if (!variables.has(match[0])) complain(document, match, `no source reads ${match[0]}`);
  }
  for (const match of matches(document.text, /\bnpm run ([\w:-]+)/g)) {
    if (!scripts[match[1]]) complain(document, match, `package.json has no script "${match[1]}"`);
  }
  for (const match of matches(document.text, /`((?:[a-z-]+\.)+v\d+)`/g)) {
    if (!subjects.has(match[1])) complain(document, match, `no contract has the subject ${match[1]}`);
  }
  for (const match of matches(document.text, /\bberth_[a-z_]+\b/g)) {
    const name = match[0].replace(/_(bucket|count|sum)$/, '');
    if (!metrics.has(name) && !metrics.has(match[0]))
      complain(document, match, `no source exports the metric ${match[0]}`);
  }
}

const inSources = (expression, folder = '') =>
  new Set(
    sources
      .filter(({ path }) => path.startsWith(folder))
      .flatMap(({ text }) => matches(text, expression).map((match) => match[1])),
  );
const variables = inSources(/\b(BERTH_[A-Z0-9_]+)\b/g);
const subjects = inSources(/'((?:[a-z-]+\.)+v\d+)'/g, 'libs/contracts/');
const metrics = new Set([
  ...inSources(/'(berth_[a-z_]+)'/g, 'apps/'),
  ...inSources(/'(berth_[a-z_]+)'/g, 'libs/platform/'),
]);

/** A table of a document has exactly these rows; `columns` says what a row shows. */
function checkTable(path, what, expected, row) {
  const document = documents.find((candidate) => candidate.path === path);
  if (!document) return void troubles.push(`${path}  is missing`);
  const shown = new Set(matches(document.text, row).map((match) => match.slice(1).join(' ')));
  for (const name of expected) if (!shown.has(name)) troubles.push(`${path}  lacks the ${what} ${name}`);
  for (const name of shown)
    if (!expected.has(name)) troubles.push(`${path}  has a ${what} that is not in the code: ${name}`);
}

/** What a document shows of scripts stands in one of them as it is: what a reader copies is what is tested. */
function checkExcerpts(path, scripts) {
  const document = documents.find((candidate) => candidate.path === path);
  if (!document) return void troubles.push(`${path}  is missing`);
  const texts = globSync(scripts, { cwd: ROOT }).map(read);
  for (const match of matches(document.text, /^```(?:sh|python)\n([^]*?)^```$/gm)) {
    if (!texts.some((text) => text.includes(match[1])))
      complain(document, match, `no file of ${scripts} has this code`);
  }
}

for (const document of documents) {
  checkPaths(document);
  checkLinks(document);
  checkNames(document);
}
const catalogue = new Set(Object.entries(REGISTRY_ERRORS).map(([code, { status }]) => `${code} ${status}`));
checkTable('docs/errors.md', 'error', catalogue, /^\| `([A-Z_]+)` +\| (\d{3})\b/gm);
checkExcerpts('docs/scripting.md', 'e2e/scripts/*.{sh,py}');

troubles.push(...troublesOfSpecCoverage(), ...troublesOfRaces());

for (const trouble of troubles) console.log(trouble);
console.log(
  `Documentation: ${documents.length} files, ${troubles.length ? `${troubles.length} troubles` : 'nothing wrong'}`,
);
process.exitCode = troubles.length ? 1 : 0;
