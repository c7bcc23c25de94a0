import { loadSettings, SettingsError } from './load-settings.js';
import { settingsOf } from './setting.js';
import { internalPortOf, Settings } from './settings.js';

const DESCRIPTIONS = settingsOf(Settings);
const SECRETS = DESCRIPTIONS.filter(({ secret }) => secret);

/** The sentences of the refusal; a start that works gives none. */
function troubles(env: NodeJS.ProcessEnv, required: (keyof Settings)[] = []): string[] {
  try {
    loadSettings(env, required);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message.split('\n');
  }
}

describe(loadSettings.name, () => {
  it('gives the defaults where nothing is set', () => {
    expect(loadSettings({})).toMatchObject({
      host: '127.0.0.1',
      port: 5000,
      open: false,
      logLevel: 'info',
      databasePool: 10,
      s3Bucket: 'berth',
      createOrganisations: true,
      leaseSeconds: 3600,
    });
  });

  it('has a default that is valid, or none, for every setting', () => {
    for (const { variable, default: value } of DESCRIPTIONS) {
      if (value !== undefined) expect([variable, troubles({ [variable]: value })]).toEqual([variable, []]);
    }
  });

  it('reads texts, integers, booleans and lists', () => {
    expect(
      loadSettings({
        BERTH_DATA_DIR: '/srv/berth',
        BERTH_PORT: '0',
        BERTH_CREATE_ORGANISATIONS: 'false',
        BERTH_NATS_URL: 'nats://a:4222, nats://b:4222',
      }),
    ).toMatchObject({
      dataDir: '/srv/berth',
      port: 0,
      createOrganisations: false,
      natsUrl: ['nats://a:4222', 'nats://b:4222'],
    });
  });

  it('reads addresses and ranges of both families', () => {
    const trustedProxies = ['10.0.0.1', '192.168.0.0/16', '::1', 'fd00::/8'];
    expect(loadSettings({ BERTH_TRUSTED_PROXIES: trustedProxies.join(', ') })).toMatchObject({ trustedProxies });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(loadSettings({ BERTH_PORT: '', BERTH_NATS_URL: '' })).toMatchObject({ port: 5000 });
    expect(loadSettings({ BERTH_NATS_URL: '' }).natsUrl).toBeUndefined();
  });

  it('does not look at variables of other programs', () => {
    expect(troubles({ PATH: '/bin', PORT: 'x', berth_port: 'x' })).toEqual([]);
  });

  describe('an invalid value', () => {
    it.each([
      ['BERTH_PORT', 'eighty'],
      ['BERTH_PORT', '5000.5'],
      ['BERTH_PORT', '0x10'],
      ['BERTH_PORT', ' 5000'],
      ['BERTH_PORT', '-1'],
      ['BERTH_PORT', '65536'],
      ['BERTH_INTERNAL_PORT', '65536'],
      ['BERTH_OPEN', 'yes'],
      ['BERTH_OPEN', 'TRUE'],
      ['BERTH_PUBLIC_URL', 'registry.example.com'],
      ['BERTH_PUBLIC_URL', 'ftp://registry.example.com'],
      ['BERTH_S3_ENDPOINT', 'not a url'],
      ['BERTH_S3_PUBLIC_ENDPOINT', 'blobs.example.org'],
      ['BERTH_S3_PUBLIC_ENDPOINT', 'https://blobs.example.org/path'],
      ['BERTH_S3_PUBLIC_ENDPOINT', 'https://user@blobs.example.org'],
      ['BERTH_REDIRECT_MIN_BYTES', '1MiB'],
      ['BERTH_REDIRECT_EXCEPT', 'curl/,,'],
      ['BERTH_DATA_PLANE_URL', '//storage:5001'],
      ['BERTH_LOG_LEVEL', 'loud'],
      ['BERTH_BLOB_STORE', 'tape'],
      ['BERTH_S3_BUCKET', 'Berth'],
      ['BERTH_S3_BUCKET', 'a'],
      ['BERTH_NATS_STREAM_REPLICAS', '6'],
      ['BERTH_NATS_URL', ','],
      ['BERTH_NATS_URL', 'nats://user:password@a:4222'],
      ['BERTH_NATS_URL', 'nats://a:4222,,nats://b:4222'],
      ['BERTH_DATABASE_POOL', '0'],
      ['BERTH_TOKEN_SECONDS', '59'],
      ['BERTH_TOKEN_SERVICE', 'my "berth"'],
      ['BERTH_MAX_MANIFEST_BYTES', '1023'],
      ['BERTH_HTTP_HEADERS_SECONDS', '0'],
      ['BERTH_HTTP_IDLE_SECONDS', '0'],
      ['BERTH_MAX_BLOB_BYTES', '-1'],
      ['BERTH_MAX_BLOB_BYTES', '9007199254740992'],
      ['BERTH_RATE_LIMIT_USER', '-1'],
      ['BERTH_RATE_LIMIT_ADDRESS', '1.5'],
      ['BERTH_TRUSTED_PROXIES', 'proxy.example'],
      ['BERTH_TRUSTED_PROXIES', '10.0.0.0/33'],
      ['BERTH_TRUSTED_PROXIES', '0.0.0.0/0'],
      ['BERTH_TRUSTED_PROXIES', '10.0.0.0/8/8'],
      ['BERTH_TRUSTED_PROXIES', 'fe80::1%eth0'],
      ['BERTH_TRUSTED_PROXIES', '10.0.0.1,'],
      ['BERTH_READ_GRANT_SECONDS', '0'],
      ['BERTH_UPLOAD_IDLE_SECONDS', '0'],
      ['BERTH_UPLOAD_IDLE_SECONDS', '999999999999'],
      ['BERTH_UPLOAD_MAX_SECONDS', '1'],
      ['BERTH_UPLOAD_MAX_SECONDS', '999999999999'],
      ['BERTH_LEASE_SECONDS', '-1'],
      ['BERTH_LEASE_SECONDS', '999999999999'],
      ['BERTH_GC_GRACE_SECONDS', '1e3'],
      ['BERTH_GC_GRACE_SECONDS', '999999999999'],
      ['BERTH_SHUTDOWN_SECONDS', '999999999999'],
    ])('is refused in a sentence that names the variable and the value: %s=%s', (variable, value) => {
      const sentences = troubles({ [variable]: value });
      expect(sentences).toHaveLength(1);
      expect(sentences[0]).toMatch(new RegExp(`^${variable}=.+ is not valid: .+`));
      expect(sentences[0]).toContain(value.split(',')[0]);
    });

    it('does not hide another one', () => {
      const sentences = troubles({ BERTH_PORT: 'x', BERTH_LOG_LEVEL: 'loud', BERTH_COLOUR: 'blue' }, ['databaseUrl']);
      expect(sentences).toHaveLength(4);
      for (const variable of ['BERTH_PORT', 'BERTH_LOG_LEVEL', 'BERTH_COLOUR', 'BERTH_DATABASE_URL']) {
        expect(sentences.filter((sentence) => sentence.includes(variable))).toHaveLength(1);
      }
    });
  });

  describe('a secret', () => {
    it.each([
      ['BERTH_ADMIN_PASSWORD', 'swordf'],
      ['BERTH_SECRET_KEY', 'swordfish'],
      ['BERTH_DATABASE_URL', 'mysql://berth:swordfish@db/berth'],
    ])('that is invalid is named and not shown: %s', (variable, value) => {
      const [sentence] = troubles({ [variable]: value });
      expect(sentence).toContain(`${variable} is not valid`);
      expect(sentence).not.toContain('swordf');
    });

    it('is every setting whose name says so', () => {
      const sounding = DESCRIPTIONS.filter(({ variable }) => /PASSWORD|SECRET|DATABASE_URL/.test(variable));
      expect(SECRETS.map(({ variable }) => variable)).toEqual(sounding.map(({ variable }) => variable));
    });
  });

  it('refuses a variable that it does not know, as it may be misspelt', () => {
    expect(troubles({ BERTH_PROT: '5001' })).toEqual([expect.stringContaining('BERTH_PROT is not a setting')]);
  });

  describe('what a service requires', () => {
    it('is named with its meaning where it is not set', () => {
      expect(troubles({}, ['natsUrl', 'databaseUrl'])).toEqual([
        expect.stringMatching(/^BERTH_DATABASE_URL is not set: .+/),
        expect.stringMatching(/^BERTH_NATS_URL is not set: .+/),
      ]);
    });

    it('is enough', () => {
      expect(troubles({ BERTH_NATS_URL: 'nats://a' }, ['natsUrl'])).toEqual([]);
    });
  });

  describe('BERTH_UPLOAD_MAX_SECONDS', () => {
    it.each(['3600', '3599'])('is refused at %s where a session may be idle for an hour', (longest) => {
      expect(troubles({ BERTH_UPLOAD_MAX_SECONDS: longest, BERTH_UPLOAD_IDLE_SECONDS: '3600' })).toEqual([
        `BERTH_UPLOAD_MAX_SECONDS=${longest} must be more than BERTH_UPLOAD_IDLE_SECONDS=3600`,
      ]);
    });

    it('is refused by its default where a session may be idle for longer than that', () => {
      expect(troubles({ BERTH_UPLOAD_IDLE_SECONDS: '604800' })).toEqual([
        'BERTH_UPLOAD_MAX_SECONDS=604800 must be more than BERTH_UPLOAD_IDLE_SECONDS=604800',
      ]);
    });

    it('is taken where it is a second more', () => {
      expect(troubles({ BERTH_UPLOAD_MAX_SECONDS: '3601', BERTH_UPLOAD_IDLE_SECONDS: '3600' })).toEqual([]);
    });
  });

  describe('BERTH_OPEN', () => {
    it.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('is taken on the loopback address %s', (host) => {
      expect(troubles({ BERTH_OPEN: 'true', BERTH_HOST: host })).toEqual([]);
    });

    it.each(['0.0.0.0', '::', '10.0.0.1', 'registry.example.com', '127.0.0.1.example.com', 'localhost.example.com'])(
      'is refused on %s unless it is insisted on',
      (host) => {
        expect(troubles({ BERTH_OPEN: 'true', BERTH_HOST: host })).toEqual([
          expect.stringContaining('BERTH_OPEN_ANYWHERE=true'),
        ]);
        expect(troubles({ BERTH_OPEN: 'true', BERTH_HOST: host, BERTH_OPEN_ANYWHERE: 'true' })).toEqual([]);
      },
    );

    it('is off by itself, wherever the gateway listens', () => {
      expect(troubles({ BERTH_HOST: '0.0.0.0' })).toEqual([]);
    });
  });
});

describe(internalPortOf.name, () => {
  it.each([
    [{}, 5001],
    [{ BERTH_PORT: '8080' }, 8081],
    [{ BERTH_PORT: '0' }, 0],
    [{ BERTH_PORT: '8080', BERTH_INTERNAL_PORT: '9090' }, 9090],
    [{ BERTH_INTERNAL_PORT: '0' }, 0],
  ])('of %j is %i', (env, port) => {
    expect(internalPortOf(loadSettings(env))).toBe(port);
  });
});
