import { loadSettings } from '@berth/platform';
import { welcome, type WelcomeFacts } from './welcome.js';

const said = (env: Record<string, string> = {}, over: Partial<WelcomeFacts> = {}) =>
  welcome({
    settings: loadSettings(env),
    address: 'http://127.0.0.1:5000',
    internalAddress: 'http://127.0.0.1:5001',
    dataFolder: '/srv/berth',
    generatedPassword: null,
    firstStart: false,
    ...over,
  });

describe(welcome, () => {
  it('says where it listens, where the data is, and the lines to try next', () => {
    const text = said();
    expect(text).toContain('Berth listens on http://127.0.0.1:5000');
    expect(text).toContain('data in /srv/berth');
    expect(text).toContain('metrics on http://127.0.0.1:5001');
    for (const line of [
      'docker login 127.0.0.1:5000 -u admin',
      'docker tag IMAGE 127.0.0.1:5000/IMAGE',
      'docker push 127.0.0.1:5000/IMAGE',
      'docker pull 127.0.0.1:5000/IMAGE',
    ]) {
      expect(text.split('\n')).toContain(`    ${line}`);
    }
  });

  it('names the public host in the lines to try, and still says where it listens', () => {
    const text = said({ BERTH_PUBLIC_URL: 'https://hub.example/' });
    expect(text).toContain('docker push hub.example/IMAGE');
    expect(text).toContain('listens on http://127.0.0.1:5000');
  });

  it('shows a password that was generated, and says that it is the only time', () => {
    const text = said({}, { generatedPassword: 'abcdefghijkmnpqrstuv', firstStart: true });
    expect(text).toMatch(/user +admin\n +password +abcdefghijkmnpqrstuv .*not shown again/);
  });

  it('never shows one that the operator chose', () => {
    const text = said({ BERTH_ADMIN_PASSWORD: 'correct horse' }, { firstStart: true });
    expect(text).not.toContain('correct horse');
    expect(text).toContain('with the password of BERTH_ADMIN_PASSWORD');
  });

  it('says at a later start that the password is the one of the first, whatever is set now', () => {
    expect(said({ BERTH_ADMIN_PASSWORD: 'correct horse' })).toContain('with the password set at first start');
  });

  it('says in open mode that nobody is asked, and offers no login', () => {
    const text = said({ BERTH_OPEN: 'true' }, { generatedPassword: 'abcdefghijkmnpqrstuv', firstStart: true });
    expect(text).toContain('BERTH_OPEN=true');
    expect(text).not.toContain('docker login');
    expect(text).not.toContain('abcdefghijkmnpqrstuv');
  });
});
