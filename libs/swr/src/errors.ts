/** One row of the catalogue: what a failure of the management API is in HTTP, to scripts and to people. */
export interface SwrErrorRow {
  readonly status: number;
  /** What scripts compare. */
  readonly code: string;
  readonly message: string;
}

/** The one catalogue of errors of the management API. Source: the SWR API reference, "Error Codes". */
export const SWR_ERRORS = {
  CREDENTIALS_MISSING: { status: 401, code: 'SVCSTG.S2I.4019000', message: 'authentication required' },
  TOKEN_INVALID: { status: 401, code: 'SVCSTG.SWR.4010000', message: 'the token is invalid or has expired' },
  SIGNATURE_INVALID: {
    status: 401,
    code: 'APIGW.0301',
    message: 'Incorrect IAM authentication information: verify aksk signature fail',
  },
  PERMISSION_DENIED: { status: 403, code: 'SVCSTG.SWR.4039002', message: 'permission denied' },
  ACCOUNT_DENIED: { status: 403, code: 'SVCSTG.SWR.4039001', message: 'that is not your account' },
  ORGANISATION_DENIED: { status: 403, code: 'SVCSTG.SWR.4037017', message: 'no permission for the organization' },
  REPOSITORY_DENIED: { status: 403, code: 'SVCSTG.SWR.4037020', message: 'no permission for the repository' },

  ORGANISATION_NAME_INVALID: { status: 400, code: 'SVCSTG.SWR.4001028', message: 'invalid organization name' },
  ORGANISATION_QUOTA_REACHED: { status: 400, code: 'SVCSTG.SWR.4000097', message: 'organization quota reached' },
  ORGANISATION_EXISTS: { status: 409, code: 'SVCSTG.SWR.4090060', message: 'the organization already exists' },
  ORGANISATION_UNKNOWN: { status: 404, code: 'SVCSTG.SWR.4040058', message: 'the organization does not exist' },
  ORGANISATION_NOT_EMPTY: { status: 406, code: 'SVCSTG.SWR.4060074', message: 'the organization has repositories' },

  PERMISSION_EXISTS: { status: 409, code: 'SVCSTG.SWR.4090076', message: 'the user has a permission already' },
  PERMISSION_UNKNOWN: { status: 404, code: 'SVCSTG.SWR.4040078', message: 'the user has no permission' },
  PERMISSION_INVALID: { status: 400, code: 'SVCSTG.SWR.4001065', message: 'auth must be 7, 3 or 1' },
  USER_INVALID: { status: 400, code: 'SVCSTG.SWR.4001067', message: 'there is no such user in this account' },

  REPOSITORY_NAME_INVALID: { status: 400, code: 'SVCSTG.SWR.4001029', message: 'invalid repository name' },
  REPOSITORY_EXISTS: { status: 409, code: 'SVCSTG.SWR.4090006', message: 'the repository already exists' },
  REPOSITORY_UNKNOWN: { status: 404, code: 'SVCSTG.SWR.4040010', message: 'the repository does not exist' },
  REPOSITORY_NOT_EMPTY: { status: 406, code: 'SVCSTG.SWR.4060012', message: 'the repository has images' },
  REPOSITORY_QUOTA_REACHED: { status: 400, code: 'SVCSTG.SWR.4000098', message: 'repository quota reached' },
  VISIBILITY_INVALID: { status: 400, code: 'SVCSTG.SWR.4001009', message: 'is_public must be true or false' },
  DESCRIPTION_TOO_LONG: { status: 413, code: 'SVCSTG.SWR.4131012', message: 'the description is too long' },

  TAG_UNKNOWN: { status: 404, code: 'SVCSTG.SWR.4040048', message: 'the tag does not exist' },
  // The reference has no code for it: this is that of the 404 with its own status.
  TAG_EXISTS: { status: 409, code: 'SVCSTG.SWR.4090048', message: 'the tag already exists' },
  TAG_QUOTA_REACHED: { status: 400, code: 'SVCSTG.SWR.4000099', message: 'tag quota reached' },

  SHARE_ACCOUNT_INVALID: { status: 400, code: 'SVCSTG.SWR.4001041', message: 'invalid account name' },
  SHARE_PERMIT_INVALID: { status: 400, code: 'SVCSTG.SWR.4001066', message: 'permit must be read' },
  SHARE_EXISTS: {
    status: 409,
    code: 'SVCSTG.SWR.4090089',
    message: 'the repository is shared with the account already',
  },
  SHARE_UNKNOWN: { status: 400, code: 'SVCSTG.SWR.4001090', message: 'the repository is not shared with the account' },

  BODY_MALFORMED: { status: 400, code: 'SVCSTG.SWR.4001018', message: 'the request body is malformed' },
  FIELD_MISSING: { status: 400, code: 'SVCSTG.SWR.4001014', message: 'a required field is missing' },
  FIELD_INVALID: { status: 400, code: 'SVCSTG.SWR.4000014', message: 'a field is invalid' },
  FILTER_INVALID: { status: 400, code: 'SVCSTG.SWR.4001035', message: 'invalid filter' },
  PAGE_INVALID: { status: 400, code: 'SVCSTG.SWR.4000056', message: 'invalid limit or offset' },
  QUERY_INVALID: { status: 400, code: 'SVCSTG.SWR.4001025', message: 'invalid query parameter' },

  URL_UNKNOWN: { status: 404, code: 'SVCSTG.SWR.4040083', message: 'there is no such URL' },
  METHOD_UNKNOWN: { status: 405, code: 'SVCSTG.SWR.4050000', message: 'the URL has no such method' },
  BODY_TOO_LARGE: { status: 413, code: 'SVCSTG.SWR.4131001', message: 'the request body is too large' },
  THROTTLED: { status: 403, code: 'SVCSTG.SWR.4031042', message: 'too many requests' },
  BUSY: { status: 409, code: 'SVCSTG.SWR.4090023', message: 'somebody else changes the same thing: try again' },
  UNAVAILABLE: { status: 503, code: 'SVCSTG.SWR.5030007', message: 'service unavailable' },
  INTERNAL: { status: 500, code: 'SVCSTG.SWR.5000007', message: 'internal error' },
} as const satisfies Record<string, SwrErrorRow>;

export type SwrErrorName = keyof typeof SWR_ERRORS;

/** A `SwrError` as plain JSON, the shape in which it crosses from one service to another. */
export interface SwrErrorWire {
  readonly swr: SwrErrorName;
  readonly message: string;
}

/** The longest text that an error quotes of what a client sent. */
const LONGEST_MESSAGE = 256;

/** An error that a client of the management API gets to see. Its message is bounded, so it may quote the client. */
export class SwrError extends Error {
  override readonly name = 'SwrError';
  readonly status: number;
  readonly code: string;

  constructor(
    readonly error: SwrErrorName,
    message?: string,
  ) {
    super((message ?? SWR_ERRORS[error].message).slice(0, LONGEST_MESSAGE));
    ({ status: this.status, code: this.code } = SWR_ERRORS[error]);
  }

  /** The error as plain JSON for a service hop. */
  toWire(): SwrErrorWire {
    return { swr: this.error, message: this.message };
  }

  /** The error that `toWire` described, or null when `x` is something else. Never throws. */
  static fromWire(x: unknown): SwrError | null {
    if (typeof x !== 'object' || x === null) return null;
    const { swr, message } = x as Record<string, unknown>;
    if (typeof swr !== 'string' || !Object.hasOwn(SWR_ERRORS, swr)) return null;
    return new SwrError(swr as SwrErrorName, typeof message === 'string' ? message : undefined);
  }
}

/** The body of an error answer. */
export interface SwrErrorBody {
  readonly errors: readonly { readonly errorCode: string; readonly errorMessage: string; readonly detail: string }[];
  readonly error_code: string;
  readonly error_msg: string;
  readonly details: readonly { readonly error_code: string; readonly error_msg: string }[];
}

/** Both dialects in one object: the SDKs read `error_code`, Terraform reads `errors[0].errorCode`. */
export function swrErrorBody({ code, message }: Pick<SwrError, 'code' | 'message'>): SwrErrorBody {
  return {
    errors: [{ errorCode: code, errorMessage: message, detail: '' }],
    error_code: code,
    error_msg: message,
    details: [{ error_code: code, error_msg: '' }],
  };
}
