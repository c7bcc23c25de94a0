import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runCommand, tempFolder, type TempFolder } from '@berth/testing';

const PROGRAM = join(import.meta.dirname, '../client-matrix.mjs');
const skopeo = { client: 'skopeo', version: '1.9.3', spec: '/s.spec.ts' };
const crane = { client: 'crane', version: '0.20.6', spec: '/c.spec.ts' };

describe('the table of clients', () => {
  let folder: TempFolder;
  beforeAll(() => {
    folder = tempFolder('bcm');
  });
  afterAll(() => folder.remove());

  /** The lines that are printed for a record and for the states of tests, by file and name. */
  async function matrix(record: object[], states: Record<string, Record<string, string>>): Promise<string[]> {
    const testResults = Object.entries(states).map(([name, tests]) => ({
      name,
      status: Object.values(tests).includes('failed') ? 'failed' : 'passed',
      assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
    }));
    const [recordFile, resultsFile] = [join(folder.path, 'record'), join(folder.path, 'results')];
    writeFileSync(recordFile, record.map((line) => `${JSON.stringify(line)}\n`).join(''));
    writeFileSync(resultsFile, JSON.stringify({ testResults }));
    const { stdout } = await runCommand(process.execPath, [PROGRAM, recordFile, resultsFile]);
    return stdout.trimEnd().split('\n');
  }

  it('has a row for each client and version, with the commands that succeeded', async () => {
    const lines = await matrix(
      [
        { ...skopeo, command: 'login', code: 0 },
        { ...skopeo, command: 'copy', code: 0, test: 'copies' },
        { ...skopeo, command: 'inspect', code: 1, test: 'is refused' },
        { ...skopeo, version: '1.20.0', command: 'copy', code: 0, test: 'copies' },
        { ...crane, command: 'push', code: 0, test: 'pushes' },
      ],
      {
        '/s.spec.ts': { copies: 'passed', 'is refused': 'passed', other: 'failed' },
        '/c.spec.ts': { pushes: 'passed' },
      },
    );
    expect(lines).toEqual([
      'client  version  ran          tests  result',
      'crane   0.20.6   push         1      ok',
      'skopeo  1.20.0   copy         1      ok',
      'skopeo  1.9.3    copy, login  2      ok',
    ]);
  });

  it('says how many tests of a client failed', async () => {
    const uses = ['a', 'b', 'c'].map((test) => ({ ...crane, command: 'push', code: 0, test }));
    const lines = await matrix(uses, { '/c.spec.ts': { a: 'passed', b: 'failed', c: 'failed' } });
    expect(lines[1]).toBe('crane   0.20.6   push  3      2 FAILED');
  });

  it('blames a client that came no further than a hook for the tests that failed', async () => {
    const uses = [{ ...crane, command: 'auth login', code: 1 }];
    const lines = await matrix(uses, { '/c.spec.ts': { a: 'failed', b: 'failed' } });
    expect(lines[1]).toBe('crane   0.20.6        2      2 FAILED');
  });

  it('blames a client for a file that Jest knows nothing of', async () => {
    const lines = await matrix([{ ...crane, command: 'push', code: 0, test: 'a' }], {});
    expect(lines[1]).toBe('crane   0.20.6   push  1      1 FAILED');
  });

  it('names each client that is missing once, with its reason', async () => {
    const lack = { missing: 'zb', reason: 'ZB_BIN names none' };
    expect(await matrix([lack, lack], {})).toEqual(['not run: zb: ZB_BIN names none']);
  });

  it('breaks a long list of commands behind a comma', async () => {
    const uses = Array.from({ length: 12 }, (_, position) => `command-${String(position).padStart(2, '0')}`);
    const lines = await matrix(
      uses.map((command) => ({ ...crane, command, code: 0, test: 'a' })),
      { '/c.spec.ts': { a: 'passed' } },
    );
    expect(lines[1]).toMatch(/^crane +0\.20\.6 +command-00, .*, {2}1 +ok$/);
    expect(lines.at(-1)).toMatch(/^ +command-\d\d, .*command-11$/);
  });
});
