import type { LoginFailureStore, LoginHistory } from '@berth/metadata';
import { loadSettings, Metrics } from '@berth/platform';
import { Logger } from '@nestjs/common';
import { LoginThrottle } from './login-throttle.js';

const ANN = { name: 'team/ann', address: '203.0.113.1' };
const NOTHING: LoginHistory = { pair: null, address: null, name: null, isKnown: false, isKnownToday: false };

describe(LoginThrottle, () => {
  beforeEach(() => jest.spyOn(Logger.prototype, 'warn').mockImplementation());
  afterEach(() => jest.restoreAllMocks());

  it('looks again at what was read before another try ended', async () => {
    let failures = 0;
    let deliver: () => void = () => undefined;
    const reads: string[] = [];
    const store: Pick<LoginFailureStore, 'find' | 'recordFailure'> = {
      find: async () => {
        const history = failures === 0 ? NOTHING : { ...NOTHING, pair: { count: failures, ageMs: 0 } };
        reads.push(`${failures} failures`);
        // The second one is slow to arrive.
        if (reads.length === 2) await new Promise<void>((resolve) => (deliver = resolve));
        return history;
      },
      recordFailure: async () => {
        failures++;
      },
    };
    const settings = loadSettings({ BERTH_LOGIN_FREE_TRIES: '1' });
    const throttle = new LoginThrottle(store as LoginFailureStore, new Metrics('auth'), settings);
    const first = throttle.attempt(ANN, 'guess', async () => null);
    const second = throttle.attempt(ANN, 'another', async () => 'ann');
    expect(await first).toBeNull();
    deliver();
    await expect(second).rejects.toMatchObject({ code: 'TOOMANYREQUESTS', status: 429 });
    expect(reads).toEqual(['0 failures', '0 failures', '1 failures']);
  });
});
