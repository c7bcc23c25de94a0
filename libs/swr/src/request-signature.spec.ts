import { createHash } from 'node:crypto';
import {
  isSignedBy,
  parseRequestSignature,
  type SignableRequest,
  signingDate,
  signString,
  stringsToSign,
} from './request-signature.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const NO_BODY = sha256('');
const hashIn = (stringToSign: string | undefined): string | undefined => stringToSign?.split('\n')[2];

const EXAMPLE = { accessKey: 'AKEXAMPLE00000000001', secretKey: 'skExample0000000000000000000000000000001' };
const SDK_HEADERS = ['content-type', 'host', 'x-project-id', 'x-sdk-date'];
const exampleHeaders = {
  'content-type': 'application/json',
  host: '127.0.0.1:18080',
  'x-project-id': 'a4adasfjljaaaakla12334jklga9sasf',
  'x-sdk-date': '20220830T120000Z',
};

describe(stringsToSign, () => {
  it('makes the published example of the signing guide', () => {
    const request: SignableRequest = {
      method: 'GET',
      target: '/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0',
      headers: {
        'content-type': 'application/json',
        host: 'service.region.example.com',
        'x-sdk-date': '20191115T033655Z',
      },
      bodySha256: NO_BODY,
    };
    const [stringToSign] = stringsToSign(request, ['content-type', 'host', 'x-sdk-date']);
    expect(hashIn(stringToSign)).toBe('b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a');
    expect(signString('MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc', stringToSign!)).toBe(
      '7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe',
    );
  });

  it('covers the body', () => {
    const request: SignableRequest = {
      method: 'POST',
      target: '/v2/manage/namespaces',
      headers: exampleHeaders,
      bodySha256: sha256('{"namespace":"group"}'),
    };
    const [stringToSign] = stringsToSign(request, SDK_HEADERS);
    expect(hashIn(stringToSign)).toBe('586eb741f168d9ac9f04c670cdaca4c3d654afb4aeddc5bff20df1a543eb5b5b');
    expect(signString(EXAMPLE.secretKey, stringToSign!)).toBe(
      '243d0e952fc17842a43052657814d05102a6a9a17c32f8ed034e2c3481f40e42',
    );
  });

  it('sorts the query, and escapes a dollar that stands in the path as it is', () => {
    const request: SignableRequest = {
      method: 'GET',
      target:
        '/v2/manage/namespaces/group/repos/busy$box/tags?offset=0&limit=10&filter=offset::0|limit::10|order_column::updated_at|order_type::desc',
      headers: exampleHeaders,
      bodySha256: NO_BODY,
    };
    const [stringToSign] = stringsToSign(request, SDK_HEADERS);
    expect(hashIn(stringToSign)).toBe('d13462e303cb6ce2864d627b1a686234df664d81422eeed3d0f1d8ffa567e9e5');
    expect(signString(EXAMPLE.secretKey, stringToSign!)).toBe(
      '3ce10b903219f8dc39869a1c0695028ed9298517debfbfe6b55f6a8899105886',
    );
  });

  it('gives both readings of an escaped path, and one of a plain path', () => {
    const request = { method: 'GET', headers: exampleHeaders, bodySha256: NO_BODY };
    const signedAs = (target: string) => hashIn(stringsToSign({ ...request, target }, SDK_HEADERS)[0]);
    const both = stringsToSign({ ...request, target: '/v2/a%20b' }, SDK_HEADERS).map(hashIn);
    expect(both).toEqual([signedAs('/v2/a b'), signedAs('/v2/a%2520b')]);
    expect(stringsToSign({ ...request, target: '/v2/plain' }, SDK_HEADERS)).toHaveLength(1);
  });

  describe('with x-sdk-content-sha256', () => {
    const names = [...SDK_HEADERS, 'x-sdk-content-sha256'];
    const signed = (hash: string, body: string, signedHeaders = names) => {
      const headers = { ...exampleHeaders, 'x-sdk-content-sha256': hash };
      const request = { method: 'POST', target: '/v2', headers, bodySha256: sha256(body) };
      return stringsToSign(request, signedHeaders);
    };

    it('leaves the body out where the client signed that it did', () => {
      expect(signed('UNSIGNED-PAYLOAD', 'a')).toEqual(signed('UNSIGNED-PAYLOAD', 'b'));
    });

    it('covers the body where the header is not signed, whatever it says', () => {
      const without = stringsToSign(
        { method: 'POST', target: '/v2', headers: exampleHeaders, bodySha256: sha256('a') },
        SDK_HEADERS,
      );
      for (const hash of ['UNSIGNED-PAYLOAD', sha256('a'), sha256('b')]) {
        expect(signed(hash, 'a', SDK_HEADERS)).toEqual(without);
      }
    });

    it('covers the body that came, not the hash that the client says it has', () => {
      expect(signed(sha256('a'), 'a')).not.toEqual(signed(sha256('a'), 'b'));
    });
  });

  it.each([
    ["filter='a'", 'filter=%27a%27'],
    ['b=2&a=1&a=0', 'a=0&a=1&b=2'],
    ['empty', 'empty='],
    ['q=a+b', 'q=a%20b'],
    ['u=%E4%BD%A0', 'u=%E4%BD%A0'],
  ])('signs the query %s as %s', (sent, signed) => {
    const request = { method: 'GET', headers: exampleHeaders, bodySha256: NO_BODY };
    const canonical = ['GET', '/v2/', signed, 'x-sdk-date:20220830T120000Z\n', 'x-sdk-date', NO_BODY].join('\n');
    const [stringToSign] = stringsToSign({ ...request, target: `/v2?${sent}` }, ['x-sdk-date']);
    expect(hashIn(stringToSign)).toBe(sha256(canonical));
  });

  it('never throws, whatever the target', () => {
    const request = { method: 'GET', headers: exampleHeaders, bodySha256: NO_BODY };
    for (const target of ['', '?', '%', '/%zz?%zz=%', '/\ud800', '//a//b']) {
      expect(stringsToSign({ ...request, target }, SDK_HEADERS).length).toBeGreaterThan(0);
    }
  });
});

describe(isSignedBy, () => {
  const candidates = ['one', 'two'];

  it('holds for a signature of any candidate under the secret key', () => {
    for (const candidate of candidates) {
      expect(isSignedBy('secret', candidates, signString('secret', candidate))).toBe(true);
    }
  });

  it('holds for no other', () => {
    expect(isSignedBy('secret', candidates, signString('other', 'one'))).toBe(false);
    expect(isSignedBy('secret', candidates, signString('secret', 'three'))).toBe(false);
    expect(isSignedBy('secret', candidates, '')).toBe(false);
    expect(isSignedBy('secret', [], signString('secret', 'one'))).toBe(false);
  });
});

describe(parseRequestSignature, () => {
  const signature = 'a'.repeat(64);
  const header = (names: string) => `SDK-HMAC-SHA256 Access=AK1, SignedHeaders=${names}, Signature=${signature}`;

  it('reads access key, signed headers and signature', () => {
    expect(parseRequestSignature(header('host;x-sdk-date'))).toEqual({
      accessKey: 'AK1',
      signedHeaders: ['host', 'x-sdk-date'],
      signature,
    });
  });

  it('does without the host: some clients do not sign it', () => {
    expect(parseRequestSignature(header('accept;content-type;user-agent;x-sdk-date'))?.accessKey).toBe('AK1');
  });

  it.each([
    ['another scheme', 'Bearer abc'],
    ['an unsigned date', header('host')],
    ['no signature', 'SDK-HMAC-SHA256 Access=AK1, SignedHeaders=x-sdk-date, Signature='],
    ['an upper-case signature', header('x-sdk-date').replace(/a{64}/, 'A'.repeat(64))],
    ['something behind it', `${header('x-sdk-date')} x`],
    ['an access key with a quote', header('x-sdk-date').replace('AK1', "AK'1")],
    ['a name that never ends', header(`x-sdk-date;${'a'.repeat(5_000)}`)],
  ])('refuses %s', (_what, authorization) => {
    expect(parseRequestSignature(authorization)).toBeNull();
  });
});

describe(signingDate, () => {
  it('reads the basic form of ISO 8601', () => {
    expect(signingDate({ 'x-sdk-date': '20220830T120000Z' })).toEqual(new Date('2022-08-30T12:00:00Z'));
  });

  it.each(['', '2022-08-30T12:00:00Z', '20221330T120000Z', '20220830T120000', '20220830T120000Z '])(
    'knows no date in "%s"',
    (text) => {
      expect(signingDate({ 'x-sdk-date': text })).toBeNull();
    },
  );

  it('knows none without the header', () => {
    expect(signingDate({})).toBeNull();
  });
});
