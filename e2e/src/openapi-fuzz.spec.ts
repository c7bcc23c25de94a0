import { basic, findProgram, requireOrSkip, tempFolder, tryCommand } from '@berth/testing';

import { isForeignRegistry, modeOfThisRun, reasonAgainst, startStack, type Stack } from './stack.js';

const mode = modeOfThisRun();
/** Cases for each operation beside those that schemathesis derives from the document: half a minute in all on a machine at rest. */
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

const { path: fuzzer, reason } = findProgram('schemathesis');
const block = isForeignRegistry()
  ? describe.skip
  : requireOrSkip(`schemathesis against ${mode}`, reasonAgainst(mode) ?? reason);

block(`fuzz by the OpenAPI document (${mode})`, () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());

  it('finds no answer that the document does not have, no 5xx and no crash', async () => {
    const authorization = stack.credentials && basic(stack.credentials);
    // One that was refused everything would find little.
    (await stack.client().ping({ token: authorization ?? null })).expect(200);
    const folder = tempFolder('berth-fuzz');
    const result = await tryCommand(
      fuzzer!,
      [
        '--no-color',
        'run',
        `${stack.base}/openapi.json`,
        ...['--phases', 'coverage,fuzzing', '--checks', CHECKS.join(',')],
        ...['--max-examples', String(CASES), '--seed', String(SEED), '--continue-on-failure'],
        ...['--generation-database', 'none', '--request-timeout', '20', '--warnings', 'off'],
        ...(authorization ? ['--header', `Authorization: ${authorization}`] : []),
      ],
      { cwd: folder.path, timeout: 200_000 },
    );
    folder.remove();
    const { stdout } = result;
    if (result.code !== 0) throw new Error(`schemathesis found trouble:\n${stdout.slice(-8_000)}\n${result.stderr}`);
    expect(Number(/(\d+) generated/.exec(stdout)?.[1])).toBeGreaterThan(300);
    (await stack.client().ping()).expect(200);
  }, 220_000);
});
