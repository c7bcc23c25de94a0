import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import * as contracts from '@berth/contracts';

const ROOT = resolve(__dirname, '../../..');

interface Project {
  folder: string;
  name: string;
  tags: string[];
}

const PROJECTS: Project[] = ['apps', 'libs']
  .flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(group, name)))
  .concat('e2e')
  .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
  .map((folder) => {
    const { name, nx } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')) as {
      name: string;
      nx?: { tags?: string[] };
    };
    return { folder, name, tags: nx?.tags ?? [] };
  });

interface DepConstraint {
  sourceTag?: string;
  allSourceTags?: string[];
  onlyDependOnLibsWithTags?: string[];
  notDependOnLibsWithTags?: string[];
}

/** What eslint.config.mjs tells the rule @nx/enforce-module-boundaries, wherever it does. */
async function boundaries(): Promise<DepConstraint[][]> {
  const file = join(ROOT, 'eslint.config.mjs');
  const { default: config } = (await import(file)) as {
    default: { rules?: Record<string, unknown> }[];
  };
  return config
    .map(({ rules }) => rules?.['@nx/enforce-module-boundaries'])
    .filter((rule): rule is [string, { depConstraints: DepConstraint[] }] => Array.isArray(rule))
    .map(([level, { depConstraints }]) => {
      expect(level).toBe('error');
      return depConstraints;
    });
}

/** The sources that are shipped. */
function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !/\/(generated|testing|dist|node_modules)\//.test(path));
}

describe('the workspace', () => {
  it('has the projects of the design', () => {
    expect(PROJECTS.map(({ folder }) => folder)).toEqual(
      expect.arrayContaining(['apps/gateway', 'apps/standalone', 'libs/oci', 'libs/platform', 'e2e']),
    );
  });

  describe.each(PROJECTS)('$folder', ({ folder, name, tags }) => {
    it('has one type, which says what it may depend on', () => {
      expect(tags.filter((tag) => tag.startsWith('type:'))).toHaveLength(1);
    });

    it('is named after its folder', () => {
      expect(name).toBe(`@berth/${folder.split('/').at(-1)}`);
    });
  });

  it('limits what every type of project may depend on, and none by a constraint that allows everything', async () => {
    const all = await boundaries();
    expect(all.length).toBeGreaterThan(0);
    for (const constraints of all) {
      for (const constraint of constraints) {
        const { sourceTag, allSourceTags = [], onlyDependOnLibsWithTags = [], notDependOnLibsWithTags } = constraint;
        const named = [sourceTag, ...allSourceTags, ...onlyDependOnLibsWithTags, ...(notDependOnLibsWithTags ?? [])];
        expect(named.filter((tag) => tag?.includes('*'))).toEqual([]);
      }
      const types = new Set(PROJECTS.flatMap(({ tags }) => tags).filter((tag) => tag.startsWith('type:')));
      for (const type of types) {
        expect(constraints).toContainEqual(
          expect.objectContaining({ sourceTag: type, onlyDependOnLibsWithTags: expect.any(Array) as unknown }),
        );
      }
    }
  });

  it('lets the language of the field depend on no framework, driver or database', async () => {
    for (const constraints of await boundaries()) {
      expect(constraints.find(({ sourceTag }) => sourceTag === 'type:domain')).toMatchObject({
        onlyDependOnLibsWithTags: ['type:domain'],
        bannedExternalImports: expect.arrayContaining(['@nestjs/*', '@prisma/*', 'pg']) as unknown,
      });
    }
  });

  it('spells subjects of messages in libs/contracts and nowhere else', () => {
    const subjects = Object.values(contracts as Record<string, unknown>)
      .map((contract) => (contract as { subject?: unknown } | null)?.subject)
      .filter((subject) => typeof subject === 'string');
    expect(subjects.length).toBeGreaterThan(15);
    const spelt = new RegExp(`${subjects.join('|').replaceAll('.', '\\.')}|['"\`][a-z]+(\\.[a-z-]+)+\\.v\\d+['"\`]`);
    const offenders = ['apps', 'libs']
      .flatMap(sources)
      .filter((path) => !path.startsWith('libs/contracts/'))
      .filter((path) => spelt.test(readFileSync(join(ROOT, path), 'utf8')));
    expect(offenders).toEqual([]);
  });
});
