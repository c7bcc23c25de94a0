import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

import { Client } from 'pg';

import { eventually } from '../eventually.js';
import { firstReason, requireOrSkip } from '../missing.js';
import { tempFolder } from '../temp-folder.js';
import { startDockerRegistry } from './docker-registry.js';
import { findDockerd, startDockerd } from './dockerd.js';
import { findProgram } from './find-program.js';
import { startNats } from './nats.js';
import { startPostgres } from './postgres.js';
import { processExists } from './process-tree.js';
import { ServerProcess } from './server-process.js';

/** A loaded machine takes its time to start a server. */
jest.setTimeout(30_000);

async function valueOf(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ value: unknown }>(sql);
    return rows[0]?.value;
  } finally {
    await client.end();
  }
}

describe(startPostgres.name, () => {
  it('keeps what was committed over a kill -9 and a restart on the same port', async () => {
    const postgres = await startPostgres();
    try {
      const url = await postgres.createDatabase();
      await valueOf(url, 'CREATE TABLE kept AS SELECT 41 AS value');
      await postgres.kill();
      await expect(valueOf(url, 'SELECT value FROM kept')).rejects.toThrow();
      await postgres.restart();
      expect(await valueOf(url, 'SELECT value FROM kept')).toBe(41);
    } finally {
      await postgres.stop();
    }
  });

  it('copies a database as a template', async () => {
    const postgres = await startPostgres();
    try {
      await valueOf(await postgres.createDatabase('model'), 'CREATE TABLE kept AS SELECT 1 AS value');
      const copy = await postgres.createDatabase(undefined, { template: 'model' });
      expect(await valueOf(copy, 'SELECT value FROM kept')).toBe(1);
    } finally {
      await postgres.stop();
    }
  });
});

requireOrSkip('nats-server', findProgram('nats-server').reason)(startNats.name, () => {
  it('answers on its port again after a kill -9 and a restart', async () => {
    const nats = await startNats();
    try {
      const before = nats.pid;
      await nats.kill();
      expect(processExists(before)).toBe(false);
      await nats.restart();
      expect(nats.pid).not.toBe(before);
      expect(nats.logTail()).toContain('Server is ready');
    } finally {
      await nats.stop();
    }
  });
});

requireOrSkip('docker-registry', findProgram('docker-registry').reason)(startDockerRegistry.name, () => {
  it('answers the API version check', async () => {
    const registry = await startDockerRegistry();
    try {
      expect((await fetch(`http://${registry.host}/v2/`)).status).toBe(200);
    } finally {
      await registry.stop();
    }
  });
});

requireOrSkip('a Docker Engine', firstReason(findDockerd(), findProgram('docker')))(startDockerd.name, () => {
  it('runs an engine without images and leaves nothing behind', async () => {
    const engine = await startDockerd();
    const folder = dirname(engine.host.replace('unix://', ''));
    const { stdout } = await engine.docker('docker', ['images', '--quiet']);
    expect(stdout).toBe('');
    await engine.stop();
    expect(existsSync(folder)).toBe(false);
  }, 90_000);
});

describe(ServerProcess.name, () => {
  it('says what the server said when it ends before it is ready', async () => {
    const folder = tempFolder();
    try {
      const start = ServerProcess.start({
        name: 'grumbler',
        file: '/bin/sh',
        args: ['-c', 'echo no room at the inn; exit 3'],
        folder,
        logFile: `${folder.path}/log`,
        ready: () => false,
      });
      await expect(start).rejects.toThrow(/grumbler ended with 3\s+no room at the inn/);
    } finally {
      folder.remove();
    }
  });

  it('kills a server that does not end when asked', async () => {
    const folder = tempFolder();
    try {
      const server = await ServerProcess.start({
        name: 'stubborn',
        file: '/bin/sh',
        args: ['-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done'],
        folder,
        logFile: `${folder.path}/log`,
        ready: (it) => it.log().includes('up'),
        stopWithin: 300,
      });
      const { pid } = server;
      await server.stop();
      expect(processExists(pid)).toBe(false);
    } finally {
      folder.remove();
    }
  });

  it('does not leave a server behind when the test process is killed', async () => {
    const folder = tempFolder();
    try {
      const server = await ServerProcess.start({
        name: 'short-lived',
        file: '/bin/sh',
        args: ['-c', 'echo up; exec sleep 100'],
        folder,
        logFile: `${folder.path}/log`,
        ready: (it) => it.log().includes('up'),
      });
      const { pid, watcher } = server as unknown as { pid: number; watcher: { stdin: { destroy(): void } } };
      // The kernel does the same to the watcher's pipe when this process ends, however it ends.
      watcher.stdin.destroy();
      await eventually(() => !processExists(pid), { what: 'the watcher has ended the server' });
    } finally {
      folder.remove();
    }
  });
});
