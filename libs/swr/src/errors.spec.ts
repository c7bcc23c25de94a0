import { SWR_ERRORS, SwrError, swrErrorBody, type SwrErrorName } from './errors.js';

const NAMES = Object.keys(SWR_ERRORS) as SwrErrorName[];

describe('SWR_ERRORS', () => {
  it('has every code once, beginning with its status', () => {
    const codes = NAMES.map((name) => SWR_ERRORS[name].code);
    expect(new Set(codes).size).toBe(codes.length);
    for (const { code, status } of Object.values(SWR_ERRORS)) {
      if (code.startsWith('SVCSTG.SWR.')) expect(code).toMatch(new RegExp(`^SVCSTG\\.SWR\\.${status}\\d{4}$`));
    }
  });
});

describe(SwrError, () => {
  it.each(NAMES)('crosses a service hop as it is: %s', (name) => {
    const error = new SwrError(name, 'why');
    const arrived = SwrError.fromWire(JSON.parse(JSON.stringify(error.toWire())));
    expect(arrived).toBeInstanceOf(SwrError);
    expect(arrived).toMatchObject({ error: name, message: 'why', status: error.status, code: error.code });
  });

  it.each([null, 'FILTER_INVALID', {}, { swr: 'toString' }, { swr: 7 }, { code: 'NAME_UNKNOWN', status: 404 }])(
    'is not what %j describes',
    (wire) => {
      expect(SwrError.fromWire(wire)).toBeNull();
    },
  );

  it('bounds what it quotes', () => {
    expect(new SwrError('FILTER_INVALID', 'x'.repeat(10_000)).message).toHaveLength(256);
  });
});

describe(swrErrorBody, () => {
  it('speaks to SDKs and to Terraform in one object', () => {
    expect(swrErrorBody(new SwrError('ORGANISATION_UNKNOWN'))).toEqual({
      errors: [{ errorCode: 'SVCSTG.SWR.4040058', errorMessage: 'the organization does not exist', detail: '' }],
      error_code: 'SVCSTG.SWR.4040058',
      error_msg: 'the organization does not exist',
      details: [{ error_code: 'SVCSTG.SWR.4040058', error_msg: '' }],
    });
  });
});
