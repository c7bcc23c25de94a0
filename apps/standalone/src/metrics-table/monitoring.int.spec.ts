import { resolve } from 'node:path';
import { findProgram, requireOrSkip, runCommand } from '@berth/testing';

const FOLDER = resolve(__dirname, '../../../../deploy/monitoring');

jest.setTimeout(120_000);

const promtool = findProgram('promtool');
requireOrSkip('promtool', promtool.reason)('the rules of deploy/monitoring, to Prometheus itself', () => {
  it.each([
    ['are rules', 'check', 'rules.yml'],
    ['fire when they should, and not else', 'test', 'rules.test.yml'],
  ])('%s', async (_what, verb, file) => {
    const { stdout } = await runCommand(promtool.path!, [verb, 'rules', resolve(FOLDER, file)]);
    expect(stdout).toContain('SUCCESS');
  });
});
