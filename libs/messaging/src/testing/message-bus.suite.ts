import { setTimeout as delay } from 'node:timers/promises';
import { REGISTRY_ERRORS, RegistryError } from '@berth/oci';
import { SwrError } from '@berth/swr';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { MessageBus } from '../message-bus.js';
import { noteOrigin, runInRequestContext } from '../request-context.js';
import { eventually } from './test-kit.js';
import {
  ECHO,
  ECHO_TWICE,
  FAIL,
  type FailV1,
  NOBODY,
  SHARED,
  SILENT,
  TestService,
  WAIT,
  WAIT_BRIEFLY,
} from './test-service.js';

/** What the suite needs of a transport: a bus to ask on, and transports on which services answer. */
export interface BusUnderTest {
  bus: MessageBus;
  transport(): CustomTransportStrategy;
  dispose(): Promise<void>;
}

const UNAVAILABLE = { name: 'RegistryError', code: 'UNAVAILABLE', status: 503 };

/** What every implementation of MessageBus promises, together with its server. */
export function describeBus(name: string, start: () => Promise<BusUnderTest>): void {
  describe(`${name} as a MessageBus`, () => {
    let under: BusUnderTest;
    let bus: MessageBus;
    let service: TestService;
    let server: { close(): Promise<void> };

    beforeEach(async () => {
      under = await start();
      ({ bus } = under);
      service = new TestService(bus);
      server = await service.start(under.transport());
      await eventually(() => bus.request(SILENT, {}).then(() => true), { what: 'the service answers' });
    });
    afterEach(async () => {
      service.openGate();
      await server.close();
      await under.dispose();
    });

    const failure = (how: FailV1['how']) =>
      bus.request(FAIL, { how }).then(
        () => new Error('it did not fail'),
        (error: unknown) => error,
      );

    describe('request', () => {
      it('gives the answer, and the handler an instance of the message', async () => {
        expect(await bus.request(ECHO, { text: 'hello', number: 1 })).toMatchObject({ text: 'hello', parsed: true });
      });

      it('gives undefined where the handler answers nothing', async () => {
        expect(await bus.request(SILENT, {})).toBeUndefined();
      });

      it('gives every asker its own answer', async () => {
        const texts = Array.from({ length: 50 }, (_, n) => `text ${n}`);
        const answers = await Promise.all(texts.map((text) => bus.request(ECHO, { text })));
        expect(answers.map(({ text }) => text)).toEqual(texts);
      });

      it('carries text of every script and some length', async () => {
        const text = 'ÄÖ 漢字 🚢 "\\\u0000'.repeat(10_000);
        expect((await bus.request(ECHO, { text })).text).toBe(text);
      });
    });

    describe('an error', () => {
      it('crosses as a RegistryError with its code, status, message, detail and headers', async () => {
        const error = await failure('registry-error');
        expect(error).toBeInstanceOf(RegistryError);
        expect(error).toMatchObject({
          code: 'BLOB_UPLOAD_INVALID',
          status: 416,
          message: 'chunk out of order',
          detail: { offset: 5 },
          headers: { Range: '0-4' },
        });
        expect(service.errors).toEqual([]);
      });

      it('of the management API crosses as a SwrError with its message', async () => {
        const error = await failure('swr-error');
        expect(error).toBeInstanceOf(SwrError);
        expect(error).toMatchObject({ error: 'ORGANISATION_EXISTS', status: 409, message: 'acme is there already' });
        expect(service.errors).toEqual([]);
      });

      it('that is our own fault crosses with its code, and is logged where it happened, once, with its cause', async () => {
        expect(await failure('outage')).toMatchObject(UNAVAILABLE);
        expect(service.errors).toEqual([
          { msg: 'request failed', subject: FAIL.subject, err: expect.objectContaining(UNAVAILABLE) as unknown },
        ]);
        expect((service.errors[0]!.err as Error).cause).toMatchObject({ message: 'the disk is on fire' });
      });

      it.each(['thrown', 'rejected', 'text'] as const)(
        "that is nobody's (%s) arrives as UNKNOWN without its text, and is logged where it happened, once",
        async (how) => {
          const error = await failure(how);
          expect(error).toBeInstanceOf(RegistryError);
          expect(error).toMatchObject({ code: 'UNKNOWN', status: 500, message: REGISTRY_ERRORS.UNKNOWN.message });
          expect(JSON.stringify(error)).not.toContain('swordfish');
          expect(service.errors).toHaveLength(1);
          expect(service.errors[0]).toMatchObject({ msg: 'request failed', subject: FAIL.subject });
          const { err } = service.errors[0]!;
          expect(String((err as Error).message ?? err)).toContain('swordfish');
        },
      );
    });

    describe('a request that nobody can answer', () => {
      it('is UNAVAILABLE at once', async () => {
        const asked = Date.now();
        await expect(bus.request(NOBODY, {})).rejects.toMatchObject(UNAVAILABLE);
        expect(Date.now() - asked).toBeLessThan(NOBODY.timeoutMs / 5);
      });

      it('is UNAVAILABLE after the time of its contract, and its late answer disturbs nobody', async () => {
        service.closeGate();
        await expect(bus.request(WAIT_BRIEFLY, {})).rejects.toMatchObject(UNAVAILABLE);
        service.openGate();
        expect(await bus.request(WAIT, {})).toEqual({ waited: true });
      });
    });

    describe('a malformed message', () => {
      it.each<[string, object]>([
        ['a field is missing', {}],
        ['a field has another type', { text: 5 }],
        ['a field is unknown', { text: 'x', surprise: true }],
      ])('is refused before its handler when %s', async (_why, request) => {
        await expect(bus.request(ECHO, request as { text: string })).rejects.toMatchObject({ code: 'UNKNOWN' });
        expect(service.received).toEqual([]);
        expect(service.errors).toHaveLength(1);
        expect(String(((service.errors[0]!.err as Error).cause as Error).message)).toContain('malformed message');
      });
    });

    describe('messages are copies', () => {
      it('of what the asker holds', async () => {
        const request = { text: 'mine' };
        await bus.request(ECHO, request);
        expect(request).toEqual({ text: 'mine' });
      });

      it('of what the handler holds, in the types of JSON', async () => {
        const answer = await bus.request(SHARED, {});
        expect(answer.list).toEqual([1, '1970-01-01T00:00:00.000Z']);
        answer.list.push('mine');
        expect(service.shared.list).toHaveLength(2);
      });
    });

    describe('the id of the request', () => {
      it('is the same on both sides, for each of many at once', async () => {
        const ids = Array.from({ length: 20 }, (_, n) => `request-${n}`);
        const seen = await Promise.all(
          ids.map((requestId) => runInRequestContext({ requestId }, () => bus.request(ECHO, { text: '' }))),
        );
        expect(seen.map(({ requestId }) => requestId)).toEqual(ids);
      });

      it("goes on with the handler's own questions", async () => {
        const asked = runInRequestContext({ requestId: 'request-1' }, () => bus.request(ECHO_TWICE, { text: '' }));
        expect((await asked).requestId).toBe('request-1');
      });

      it('is made up, another one each time, where the asker has none', async () => {
        const seen = [await bus.request(ECHO, { text: '' }), await bus.request(ECHO, { text: '' })];
        const ids = seen.map(({ requestId }) => requestId);
        expect(ids).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
        expect(ids[0]).not.toBe(ids[1]);
      });
    });

    describe('the origin of the request', () => {
      const origin = { address: '192.0.2.1', userId: 'Ünïcode 漢', credential: 'access-key' as const };

      it('is the same on both sides, and goes on with the handler’s own questions', async () => {
        const asked = runInRequestContext({ requestId: 'request-1', origin }, () =>
          bus.request(ECHO_TWICE, { text: '' }),
        );
        expect((await asked).origin).toEqual(origin);
      });

      it('has what was found out in the middle of it, and is of no other request', async () => {
        const seen = runInRequestContext({ requestId: 'request-1' }, async () => {
          const before = await bus.request(ECHO, { text: '' });
          noteOrigin({ address: '192.0.2.1' });
          noteOrigin({ userId: 'ann' });
          return [before, await bus.request(ECHO, { text: '' })];
        });
        const other = await bus.request(ECHO, { text: '' });
        expect((await seen).map((echo) => echo.origin)).toEqual([undefined, { address: '192.0.2.1', userId: 'ann' }]);
        expect(other.origin).toBeUndefined();
      });
    });

    describe('a server that closes', () => {
      it('finishes what it has begun, and takes nothing new', async () => {
        service.closeGate();
        const begun = [bus.request(WAIT, {}), bus.request(WAIT, {})];
        await eventually(() => service.waiting === 2, { what: 'both requests are being answered' });
        let closed = false;
        const closing = server.close().then(() => (closed = true));
        await eventually(
          () =>
            bus.request(ECHO, { text: '' }).then(
              () => false,
              (error: RegistryError) => error.code === 'UNAVAILABLE',
            ),
          {
            what: 'new requests are refused',
          },
        );
        expect(closed).toBe(false);
        service.openGate();
        expect(await Promise.all(begun)).toEqual([{ waited: true }, { waited: true }]);
        await closing;
        await expect(bus.request(ECHO, { text: '' })).rejects.toMatchObject(UNAVAILABLE);
      });

      it('does not wait for ever for an answer that does not come', async () => {
        service.closeGate();
        const asked = bus.request(WAIT, {}).catch(() => undefined);
        await eventually(() => service.waiting === 1, { what: 'the request is being answered' });
        await Promise.race([
          server.close(),
          delay(4_000, undefined, { ref: false }).then(() => {
            throw new Error('it is still waiting');
          }),
        ]);
        service.openGate();
        void asked;
      });
    });
  });
}
