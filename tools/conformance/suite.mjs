// One run of the suite's binary, and what its JUnit report says.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const LIMIT_MS = 30 * 60_000;

/** Every API and every kind of content that the suite can be told of; sparse manifests are refused on purpose. */
const SWITCHES = {
  API: [
    'PING',
    'PULL',
    'PUSH',
    'REFERRER',
    'BLOBS_ATOMIC',
    'BLOBS_DELETE',
    'BLOBS_DIGEST_HEADER',
    'BLOBS_MOUNT_ANONYMOUS',
    'BLOBS_UPLOAD_CANCEL',
    'MANIFESTS_ATOMIC',
    'MANIFESTS_DELETE',
    'MANIFESTS_DIGEST_HEADER',
    'MANIFESTS_TAG_PARAM',
    'TAGS_ATOMIC',
    'TAGS_DELETE',
    'TAGS_LIST',
  ],
  DATA: [
    'IMAGE',
    'INDEX',
    'INDEX_LIST',
    'ARTIFACT',
    'SUBJECT',
    'SUBJECT_MISSING',
    'ARTIFACT_LIST',
    'SUBJECT_LIST',
    'DATA_FIELD',
    'NONDISTRIBUTABLE',
    'CUSTOM_FIELDS',
    'NO_LAYERS',
    'EMPTY_BLOB',
    'SHA512',
  ],
};

/** Runs the suite against `url`; with `password`, as the administrator. Its reports are written into `report`. */
export async function runSuite({ program, url, version, report, password }) {
  await runProgram(program, report, {
    ...withoutSettings(process.env),
    OCI_REGISTRY: new URL(url).host,
    OCI_TLS: 'disabled',
    OCI_VERSION: version,
    OCI_RESULTS_DIR: report,
    OCI_DATA_SPARSE: 'false',
    ...switchedOn(),
    // A token is asked for anew each time: the suite would send the one for a repository to mount from another, too.
    ...(password && { OCI_USERNAME: 'admin', OCI_PASSWORD: password, OCI_CACHE_AUTH: 'false' }),
  });
  return readReport(join(report, 'junit.xml'));
}

const switchedOn = () =>
  Object.fromEntries(
    Object.entries(SWITCHES).flatMap(([group, names]) => names.map((name) => [`OCI_${group}_${name}`, 'true'])),
  );

/** What the caller's environment tells the suite would make this another run than its name says. */
const withoutSettings = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OCI_')));

/** Resolves whatever the suite found; rejects where it could not be run to its end. */
function runProgram(program, cwd, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [], { cwd, env, stdio: ['ignore', 'ignore', 'inherit'], timeout: LIMIT_MS });
    child.once('error', (error) => reject(new Error(`the suite could not be started: ${error.message}`)));
    child.once('exit', (code, signal) =>
      signal ? reject(new Error(`the suite was ended by ${signal}`)) : resolve(code),
    );
  });
}

/** The counts of the whole, and by name with a reason what failed and what was skipped. One test may count several checks. */
function readReport(file) {
  const xml = readFileSync(file, 'utf8');
  const suite = attributes(/<testsuite [^>]*>/.exec(xml)?.[0] ?? '');
  const [failed, skipped, disabled] = [
    Number(suite.failures) + Number(suite.errors),
    Number(suite.skipped ?? 0),
    Number(suite.disabled ?? 0),
  ];
  const cases = [...xml.matchAll(/<testcase ([^>]*)>([^]*?)<\/testcase>/g)].map(([, head, body]) => {
    const [reason, log] = ['system-out', 'system-err'].map((element) => textOf(body, element));
    const { name, status } = attributes(head);
    return { name, status, reason: reason || log, disabled: log.includes('is disabled in the configuration') };
  });
  return {
    counts: { passed: Number(suite.tests) - failed - skipped - disabled, failed, skipped, disabled },
    failed: cases.filter(({ status }) => status === 'failure' || status === 'error'),
    skipped: cases.filter(({ status }) => status === 'skipped'),
  };
}

const attributes = (element) =>
  Object.fromEntries([...element.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, unescape(value)]));

const textOf = (xml, element) =>
  unescape(new RegExp(`<${element}>([^]*?)</${element}>`).exec(xml)?.[1] ?? '')
    .trim()
    .replace(/\s*\n\s*/g, '; ')
    .slice(0, 400);

const ENTITIES = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
const unescape = (text) =>
  text.replace(/&(?:#(x?)([\da-f]+)|(\w+));/gi, (whole, hex, code, name) =>
    code ? String.fromCodePoint(parseInt(code, hex ? 16 : 10)) : (ENTITIES[name] ?? whole),
  );
