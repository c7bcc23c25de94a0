import preset from '../jest.preset.mjs';

/** Real clients and real engines: the limit only ends what hangs. */
export default { ...preset, testTimeout: 120_000, maxWorkers: 1 };
