/** CommonJS transform on purpose: the `jest` global and hoisted mocks keep working; ESM-only packages load by require(esm). */
export default {
  testEnvironment: 'node',
  testMatch: ['**/*.spec.ts'],
  passWithNoTests: true,
  testEnvironmentOptions: { customExportConditions: ['@berth/source', 'node', 'node-addons'] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['/dist/'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
        jsc: {
          target: 'es2023',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
      },
    ],
  },
};
