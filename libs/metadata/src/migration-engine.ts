import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import type pg from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';

/** The calls of Prisma's schema engine (its WebAssembly build) that migrations need. */
export interface MigrationEngine {
  applyMigrations(input: object): Promise<{ appliedMigrationNames: string[] }>;
  diff(input: object): Promise<{ exitCode: number; stdout: string | null }>;
  /** Ends its connections. */
  close(): Promise<void>;
}

type SchemaEngine = Omit<MigrationEngine, 'close'> & { free(): void };

interface EngineModule {
  SchemaEngine: { new: (options: object, log: (line: string) => void, adapter: object) => Promise<SchemaEngine> };
  __wbg_set_wasm(exports: WasmExports): void;
}

type WasmExports = Record<string, unknown>;

/** The types of Node.js leave this global to the browser's. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: WasmExports } }>;
};

const BINDINGS = '@prisma/schema-engine-wasm/schema_engine_bg';
const CHAR_OID = 18;
const TEXT_OID = 25;

/**
 * The stock CLI needs a native engine that it downloads; this drives the same engine, of the same commit, from npm.
 * `datamodels` are [path, content] pairs of the Prisma schema; `rewrite` gives what runs for a script on the database itself.
 */
export async function openMigrationEngine(
  url: string,
  datamodels: [string, string][],
  rewrite: (script: string) => string,
): Promise<MigrationEngine> {
  loaded ??= loadEngine();
  const { SchemaEngine } = await loaded;
  const pools: pg.Pool[] = [];
  const adapter = bindMigrationAwareSqlAdapterFactory(adapterFactory(url, rewrite, (pool) => pools.push(pool)));
  const engine = await SchemaEngine.new({ datamodels }, () => undefined, adapter);
  return {
    applyMigrations: (input) => engine.applyMigrations(input),
    diff: (input) => engine.diff(input),
    close: async () => {
      engine.free();
      // The engine leaves its main connection open.
      await Promise.all(pools.filter((pool) => !pool.ending).map((pool) => pool.end()));
    },
  };
}

/** Once per process: the bindings know one instance, and a second one would pull it from under an engine at work. */
let loaded: Promise<EngineModule> | undefined;

async function loadEngine(): Promise<EngineModule> {
  const require = createRequire(import.meta.url);
  const bindings = (await import(BINDINGS)) as EngineModule;
  const wasm = readFileSync(join(dirname(require.resolve(BINDINGS)), 'schema_engine_bg.wasm'));
  const imports = { './schema_engine_bg.js': withTimersThatLetGo(bindings) };
  const { instance } = await WebAssembly.instantiate(wasm, imports);
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as (() => void) | undefined)?.();
  const panics = {
    set_message: (message: string) => {
      throw new Error(`schema engine panic: ${message}`);
    },
  };
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: panics });
  return bindings;
}

/** The engine does not clear its timeout of ten seconds, which would keep a process that is done from ending. */
const withTimersThatLetGo = (bindings: object) =>
  Object.fromEntries(
    Object.entries(bindings).map(([name, value]: [string, unknown]) => {
      if (!name.startsWith('__wbg_setTimeout')) return [name, value];
      return [name, (...args: unknown[]) => (value as (...args: unknown[]) => NodeJS.Timeout)(...args).unref()];
    }),
  );

/**
 * adapter-pg with its defects mended: it has no case for the catalog's one-byte "char"; it splits a script at every
 * semicolon, inside a function's body too; its shadow database runs on the main one when it is given a connection
 * string (so it gets the fields), and is dropped before its pool is closed.
 */
function adapterFactory(
  url: string,
  rewrite: (script: string) => string,
  onPool: (pool: pg.Pool) => void,
): SqlMigrationAwareDriverAdapterFactory {
  const config = parseIntoClientConfig(url);
  const main = new PrismaPg(config);
  return {
    provider: main.provider,
    adapterName: main.adapterName,
    connect: async () => {
      const adapter = await main.connect();
      onPool(adapter.underlyingDriver());
      return mended(adapter, rewrite);
    },
    connectToShadowDb: async () => {
      const owner = await main.connect();
      const database = `prisma_shadow_${crypto.randomUUID()}`;
      await owner.executeScript(`CREATE DATABASE "${database}"`);
      const shadow = mended(await new PrismaPg({ ...config, database }).connect());
      const close = shadow.dispose.bind(shadow);
      shadow.dispose = async () => {
        await close();
        await owner.executeScript(`DROP DATABASE "${database}" WITH (FORCE)`);
        await owner.dispose();
      };
      return shadow;
    },
  };
}

type PgAdapter = Awaited<ReturnType<PrismaPg['connect']>>;

function mended(adapter: PgAdapter, rewrite = (script: string) => script): PgAdapter {
  adapter.executeScript = async (script) => void (await adapter.underlyingDriver().query(rewrite(script)));
  return withCharColumns(adapter);
}

interface RawResult {
  fields?: { dataTypeID: number }[];
}
type Patchable = Pick<SqlDriverAdapter, 'queryRaw'> &
  Partial<Pick<SqlDriverAdapter, 'startTransaction'>> & { performIO(query: unknown): Promise<RawResult> };

function withCharColumns<T extends object>(adapter: T): T {
  const target = adapter as unknown as Patchable;
  const performIO = target.performIO.bind(target);
  const queryRaw = target.queryRaw.bind(target);
  let charColumns: number[] = [];
  target.performIO = async (query) => {
    const result = await performIO(query);
    charColumns = [];
    result.fields?.forEach((field, column) => {
      if (field.dataTypeID !== CHAR_OID) return;
      charColumns.push(column);
      field.dataTypeID = TEXT_OID;
    });
    return result;
  };
  target.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const column of charColumns) result.columnTypes[column] = ColumnTypeEnum.Character;
    return result;
  };
  if (target.startTransaction) {
    const start = target.startTransaction.bind(target);
    target.startTransaction = async (level) => withCharColumns(await start(level));
  }
  return adapter;
}
