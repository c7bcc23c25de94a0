import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import ts from 'typescript-eslint';

const NO_FORWARD_REF = { name: '@nestjs/common', importNames: ['forwardRef'], message: 'Split the modules instead.' };
const NO_TEST_KIT = { name: '@berth/testing', message: 'Only spec files use the test kit.' };
const NO_TEST_PARTS = { name: '@berth/platform/testing', message: 'Only spec files use the test kit.' };
const NO_STATE = { name: '@berth/metadata', message: 'The gateway keeps no state: ask the service that does.' };

const LIBS = ['type:domain', 'type:contract', 'type:adapter', 'type:platform'];

export default ts.config(
  { ignores: ['**/dist', '**/node_modules', '**/generated', '**/*.mjs', '**/prisma.config.ts'] },
  ...ts.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  {
    files: ['**/*.ts'],
    plugins: { '@nx': nx },
    rules: {
      // A class that is only imported as a type loses its place in the decorator metadata, and with it its injection.
      '@typescript-eslint/consistent-type-imports': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      'no-restricted-imports': ['error', { paths: [NO_FORWARD_REF] }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'], location: 'start' }],
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: true,
          allow: [],
          depConstraints: [
            {
              sourceTag: 'type:domain',
              onlyDependOnLibsWithTags: ['type:domain'],
              bannedExternalImports: ['@nestjs/*', '@prisma/*', 'pg', 'minio', '@nats-io/*', 'class-*'],
            },
            { sourceTag: 'type:contract', onlyDependOnLibsWithTags: ['type:domain'] },
            { sourceTag: 'type:adapter', onlyDependOnLibsWithTags: ['type:domain', 'type:contract'] },
            { sourceTag: 'type:platform', onlyDependOnLibsWithTags: ['type:domain', 'type:contract', 'type:adapter'] },
            { sourceTag: 'type:app', onlyDependOnLibsWithTags: [...LIBS, 'type:testing'] },
            {
              sourceTag: 'type:composition',
              onlyDependOnLibsWithTags: [...LIBS, 'type:app', 'type:composition', 'type:testing'],
            },
            { sourceTag: 'type:testing', onlyDependOnLibsWithTags: LIBS },
            { sourceTag: 'type:e2e', onlyDependOnLibsWithTags: [...LIBS, 'type:testing'] },
            {
              sourceTag: 'scope:gateway',
              notDependOnLibsWithTags: [],
              bannedExternalImports: ['@prisma/*', 'pg', 'minio'],
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.spec.ts', 'libs/testing/**', 'e2e/**'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
  {
    files: ['{apps,libs}/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/*.suite.ts', '**/src/testing/**', 'libs/testing/**'],
    rules: { 'no-restricted-imports': ['error', { paths: [NO_FORWARD_REF, NO_TEST_KIT, NO_TEST_PARTS] }] },
  },
  {
    files: ['apps/gateway/**/*.ts'],
    ignores: ['**/*.spec.ts', '**/src/testing/**'],
    rules: { 'no-restricted-imports': ['error', { paths: [NO_FORWARD_REF, NO_TEST_KIT, NO_TEST_PARTS, NO_STATE] }] },
  },
  prettier,
);
