import { ActiveAppends } from './active-appends.js';

/** Work that ends when the test says so, and notes what happens to it. */
function work(log: string[], name: string) {
  let finish: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (finish = resolve));
  const run = async (signal: AbortSignal) => {
    log.push(`${name} begins`);
    signal.addEventListener('abort', () => log.push(`${name} is stopped`));
    await ended;
    log.push(`${name} ends`);
    return name;
  };
  return { run, finish };
}
const turn = () => new Promise(setImmediate);

describe(ActiveAppends, () => {
  it('stops the append before, and waits until it has let go', async () => {
    const appends = new ActiveAppends();
    const log: string[] = [];
    const [first, second] = [work(log, 'first'), work(log, 'second')];
    const results = [appends.run('s', first.run)];
    await turn();
    results.push(appends.run('s', second.run));
    await turn();
    expect(log).toEqual(['first begins', 'first is stopped']);
    first.finish();
    await turn();
    expect(log).toEqual(['first begins', 'first is stopped', 'first ends', 'second begins']);
    second.finish();
    expect(await Promise.all(results)).toEqual(['first', 'second']);
  });

  it('keeps three in order', async () => {
    const appends = new ActiveAppends();
    const log: string[] = [];
    const all = ['one', 'two', 'three'].map((name) => work(log, name));
    const results = all.map(({ run }) => appends.run('s', run));
    all.forEach(({ finish }) => finish());
    await Promise.all(results);
    expect(log.filter((line) => /begins|ends/.test(line))).toEqual([
      'one begins',
      'one ends',
      'two begins',
      'two ends',
      'three begins',
      'three ends',
    ]);
  });

  it('lets sessions alone that are others', async () => {
    const appends = new ActiveAppends();
    const log: string[] = [];
    const [one, other] = [work(log, 'one'), work(log, 'other')];
    const results = [appends.run('s', one.run), appends.run('t', other.run)];
    await turn();
    expect(log).toEqual(['one begins', 'other begins']);
    one.finish();
    other.finish();
    await Promise.all(results);
    expect(log).not.toContain('one is stopped');
  });

  it('goes on behind an append that failed, and gives each failure to its own caller', async () => {
    const appends = new ActiveAppends();
    const failing = appends.run('s', async () => Promise.reject(new Error('broken')));
    const next = appends.run('s', async () => 'fine');
    await expect(failing).rejects.toThrow('broken');
    expect(await next).toBe('fine');
  });

  it('stops on demand, and resolves when the append has let go', async () => {
    const appends = new ActiveAppends();
    const log: string[] = [];
    const only = work(log, 'only');
    const result = appends.run('s', only.run);
    await turn();
    let stopped = false;
    const stopping = appends.stop('s').then(() => (stopped = true));
    await turn();
    expect([log.at(-1), stopped]).toEqual(['only is stopped', false]);
    only.finish();
    await stopping;
    expect(await result).toBe('only');
    await appends.stop('s');
    await appends.stop('unknown');
  });

  it('forgets what has ended', async () => {
    const appends = new ActiveAppends();
    await appends.run('s', async () => undefined);
    let stopped = false;
    await appends.run('s', async (signal) => {
      stopped = signal.aborted;
    });
    expect(stopped).toBe(false);
    expect((appends as unknown as { active: Map<string, unknown> }).active.size).toBe(0);
  });
});
