import { runInRequestContext } from '@berth/messaging';
import { pino } from 'pino';
import { createLogger, NestLogger } from './logger.js';

describe(createLogger.name, () => {
  const lines: Record<string, unknown>[] = [];

  beforeEach(() => {
    lines.length = 0;
    const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
    jest.spyOn(pino, 'destination').mockReturnValue({ write } as unknown as ReturnType<typeof pino.destination>);
  });
  afterEach(() => jest.restoreAllMocks());

  it('writes JSON with the time, the level by name, the service and the message', () => {
    createLogger('gateway', 'info').info({ route: 'end-2' }, 'request answered');
    expect(lines).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        level: 'info',
        service: 'gateway',
        route: 'end-2',
        msg: 'request answered',
      },
    ]);
  });

  it('leaves out what is below its level', () => {
    const logger = createLogger('gateway', 'warn');
    logger.info('quiet');
    logger.warn('loud');
    expect(lines.map(({ msg }) => msg)).toEqual(['loud']);
  });

  it.each(['password', 'token', 'secret', 'authorization', 'cookie'])('never shows a %s', (name) => {
    const logger = createLogger('auth', 'info');
    logger.info({ [name]: 'swordfish', user: 'admin' }, 'at the top');
    logger.info({ request: { [name]: 'swordfish', user: 'admin' } }, 'one level down');
    logger.info({ request: { headers: { [name]: 'swordfish', user: 'admin' } } }, 'two levels down');
    expect(JSON.stringify(lines)).not.toContain('swordfish');
    expect(JSON.stringify(lines).match(/\[redacted\]/g)).toHaveLength(3);
    expect(JSON.stringify(lines).match(/admin/g)).toHaveLength(3);
  });

  it('carries the id of the request on whose behalf a line is written, and no other', async () => {
    const logger = createLogger('auth', 'info');
    await Promise.all(
      ['one', 'two'].map((requestId) =>
        runInRequestContext({ requestId }, async () => {
          await Promise.resolve();
          logger.info(requestId);
        }),
      ),
    );
    logger.info('nobody');
    expect(lines.map(({ msg, requestId }) => [msg, requestId])).toEqual([
      ['one', 'one'],
      ['two', 'two'],
      ['nobody', undefined],
    ]);
  });

  describe(NestLogger.name, () => {
    const nest = () => new NestLogger(createLogger('auth', 'trace'));

    it("takes a message as text, with Nest's context", () => {
      nest().warn('careful', 'Router');
      expect(lines).toMatchObject([{ level: 'warn', msg: 'careful', context: 'Router' }]);
    });

    it('takes a message as an object of fields, with the error and its cause', () => {
      const err = new Error('outer', { cause: new Error('inner') });
      nest().error({ msg: 'request failed', subject: 'a.b.v1', err }, undefined, 'Rpc');
      expect(lines).toMatchObject([
        { level: 'error', msg: 'request failed', subject: 'a.b.v1', context: 'Rpc', err: { message: 'outer: inner' } },
      ]);
    });

    it('takes an error as the message', () => {
      nest().error(new TypeError('broken'));
      expect(lines).toMatchObject([{ level: 'error', err: { type: 'TypeError', message: 'broken' } }]);
    });

    it("keeps Nest's account of its own start for those who debug", () => {
      nest().log('Mapped {/livez, GET} route', 'RouterExplorer');
      nest().log({ msg: 'an event of ours' });
      expect(lines.map(({ level }) => level)).toEqual(['debug', 'info']);
    });
  });
});
