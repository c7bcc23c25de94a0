// Keeps the services running as Kubernetes would: one that ends is started again, unless it ends again and again.
import { spawn } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { environment, nodeProgram, ROOT } from '../install.mjs';

const READY_MS = 60_000;
const RESTART_MS = 300;
const SHORT_LIFE_MS = 3_000;
const SHORT_LIVES = 5;

export class Supervisor {
  #processes = [];
  #stopping = false;
  #givenUp = () => undefined;

  /** In `folder`: pids.json says who runs, as {"registry-v2": [pid, ...], ...}, and addresses.json where, for tests. */
  constructor(folder) {
    this.pidFile = join(folder, 'pids.json');
    this.addressFile = join(folder, 'addresses.json');
  }

  start(service, replica, env, address) {
    const entry = { service, replica, address, env, shortLives: 0, child: null };
    this.#processes.push(entry);
    this.#spawn(entry);
  }

  onGivenUp(callback) {
    this.#givenUp = callback;
  }

  async untilReady() {
    const deadline = Date.now() + READY_MS;
    for (const entry of this.#processes) {
      while (!(await isReady(entry.address))) {
        if (Date.now() > deadline) throw new Error(`${entry.service} was not ready after ${READY_MS / 1000} s`);
        if (entry.shortLives >= SHORT_LIVES)
          throw new Error(`${entry.service} does not start; its reason stands above`);
        await delay(50);
      }
    }
  }

  table() {
    return this.#processes
      .map(
        ({ service, replica, address, child }) =>
          `    ${`${service} ${replica}`.padEnd(16)} pid ${String(child.pid).padEnd(8)} ${address}`,
      )
      .join('\n');
  }

  /** The gateways first, so that nothing new comes in, and what they have begun has where to go. */
  async stop() {
    this.#stopping = true;
    const gateways = this.#processes.filter(({ service }) => service === 'gateway');
    const others = this.#processes.filter(({ service }) => service !== 'gateway');
    for (const group of [gateways, others]) await Promise.all(group.map(({ child }) => child && end(child)));
    for (const file of [this.pidFile, this.addressFile]) rmSync(file, { force: true });
  }

  #spawn(entry) {
    const began = Date.now();
    entry.child = spawn(nodeProgram(), [`apps/${entry.service}/dist/main.js`], {
      cwd: ROOT,
      env: { ...environment(), ...entry.env },
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    this.#writePids();
    entry.child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      entry.shortLives = Date.now() - began < SHORT_LIFE_MS ? entry.shortLives + 1 : 0;
      console.error(`${entry.service} ${entry.replica} ended (${signal ?? `status ${code}`}), it is started again`);
      if (entry.shortLives >= SHORT_LIVES) return this.#givenUp();
      setTimeout(() => !this.#stopping && this.#spawn(entry), RESTART_MS);
    });
  }

  #writePids() {
    const [pids, addresses] = [{}, {}];
    for (const { service, child, address } of this.#processes) {
      if (child) (pids[service] ??= []).push(child.pid);
      (addresses[service] ??= []).push(address);
    }
    replace(this.pidFile, JSON.stringify(pids));
    replace(this.addressFile, JSON.stringify(addresses));
  }
}

/** Whoever reads it meanwhile has all of the old text or all of the new. */
function replace(file, text) {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const isReady = (address) =>
  fetch(`${address}/readyz`).then(
    (response) => response.ok,
    () => false,
  );

function end(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', resolve);
    child.kill('SIGTERM');
  });
}
