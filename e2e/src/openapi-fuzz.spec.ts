import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { basic, findProgram, requireOrSkip, tempFolder, tryCommand } from '@berth/testing';

import { documentWithExamples, FUZZED } from './fuzz-document.js';
import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
/** Cases for each operation beside those that schemathesis derives from the document: below a minute in all on a machine at rest. */
const CASES = 4;
/** The same cases each time. */
const SEED = 4;
/**
 * What an answer must keep to. Not asked: that everything the document does not name is refused (HTTP ignores parameters
 * that it does not know), and that everything valid is accepted (a digest of the right form may be of nothing).
 */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'allow_header_conformance',
];
/** What must have been answered in the repository that has content, by method and the rest of the path. */
const REACHED: [method: string, rest: RegExp, ...statuses: number[]][] = [
  ['GET', /^manifests\/v1$/, 200, 304],
  ['GET', /^manifests\/sha256:/, 200],
  ['HEAD', /^manifests\//, 200, 304],
  ['PUT', /^manifests\/new$/, 201],
  ['DELETE', /^manifests\/old$/, 202],
  ['GET', /^blobs\/sha/, 200, 206, 304, 416],
  ['HEAD', /^blobs\/sha/, 200, 304],
  ['DELETE', /^blobs\/sha/, 202],
  ['POST', /^blobs\/uploads\/$/, 201],
  ['PATCH', /^blobs\/uploads\/./, 202],
  ['PUT', /^blobs\/uploads\/./, 201],
  ['GET', /^blobs\/uploads\/./, 204],
  ['HEAD', /^blobs\/uploads\/./, 204],
  ['DELETE', /^blobs\/uploads\/./, 204],
  ['GET', /^tags\/list$/, 200],
  ['HEAD', /^tags\/list$/, 200],
  ['GET', /^referrers\//, 200],
];

const { path: fuzzer, reason } = findProgram('schemathesis');
const block = requireOrSkip(
  `schemathesis against ${mode}`,
  isForeignRegistry() ? 'E2E_REGISTRY is not ours to fuzz' : (reasonAgainst(mode) ?? reason),
);

block(`fuzz by the OpenAPI document (${mode})`, () => {
  const folder = tempFolder('berth-fuzz');
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(async () => {
    await stack?.stop();
    folder.remove();
  });

  it('finds no answer that the document does not have, no 5xx and no crash', async () => {
    const authorization = stack.credentials && basic(stack.credentials);
    const [document, report] = [join(folder.path, 'openapi.json'), join(folder.path, 'answers.har')];
    writeFileSync(document, JSON.stringify(await documentWithExamples(stack.client())));
    const result = await tryCommand(
      fuzzer!,
      [
        '--no-color',
        'run',
        document,
        ...['--url', stack.base, '--report', 'har', '--report-har-path', report],
        ...['--phases', 'examples,coverage,fuzzing', '--checks', CHECKS.join(',')],
        ...['--max-examples', String(CASES), '--seed', String(SEED), '--continue-on-failure'],
        ...['--generation-database', 'none', '--request-timeout', '20', '--warnings', 'off'],
        ...(authorization ? ['--header', `Authorization: ${authorization}`] : []),
      ],
      { cwd: folder.path, timeout: 200_000 },
    );
    const { stdout } = result;
    if (result.code !== 0) throw new Error(`schemathesis found trouble:\n${stdout.slice(-8_000)}\n${result.stderr}`);
    expect(Number(/(\d+) generated/.exec(stdout)?.[1])).toBeGreaterThan(300);
    const answers = answersOf(report);
    for (const [method, rest, ...statuses] of REACHED) {
      const had = answers.filter((answer) => answer.method === method && rest.test(answer.rest));
      expect([method, rest, had.map(({ status }) => status)]).toEqual([method, rest, expect.arrayContaining(statuses)]);
    }
    (await stack.client().ping()).expect(200);
  }, 220_000);
});

/** The answers in the repository that has content; `rest` is the path behind its name, decoded. */
function answersOf(har: string): { method: string; rest: string; status: number }[] {
  const { log } = JSON.parse(readFileSync(har, 'utf8')) as {
    log: { entries: { request: { method: string; url: string }; response: { status: number } }[] };
  };
  const root = `/v2/${FUZZED}/`;
  return log.entries.flatMap(({ request: { method, url }, response: { status } }) => {
    const { pathname } = new URL(url);
    return pathname.startsWith(root)
      ? [{ method, rest: pathname.slice(root.length).replaceAll('%3A', ':'), status }]
      : [];
  });
}
