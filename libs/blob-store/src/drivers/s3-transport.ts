import http from 'node:http';
import https from 'node:https';

const LONGEST_FAULT = 64 * 1024;

/** The store answered 429 or 5xx: its own fault, or too much asked at once. */
export class S3Fault extends Error {
  constructor(
    readonly status: number,
    body: string,
  ) {
    super(`object store answered ${status} ${/<Code>([^<]*)/.exec(body)?.[1] ?? ''}`.trim());
  }
}

/**
 * What the minio client sends its requests through, with two things it lacks: no silence of more than `silenceMs` (no
 * connection, no answer, no byte in the middle of one), and faults of the store as S3Fault with the answer read to its
 * end, which the client's own retries leave open.
 */
export function s3Transport(secure: boolean, silenceMs: number): Pick<typeof http, 'request'> {
  const send = secure ? https.request : http.request;
  const request = (options: http.RequestOptions, answered: (response: http.IncomingMessage) => void) => {
    let answer: http.IncomingMessage | undefined;
    const sent = send({ ...options, timeout: silenceMs }, (response) => {
      answer = response;
      if (isFault(response.statusCode ?? 0)) void fail(sent, response);
      else answered(response);
    });
    sent.on('timeout', () => {
      if (answer && answer.readableLength > 0) sent.socket?.setTimeout(silenceMs);
      else (answer ?? sent).destroy(silence(silenceMs));
    });
    return sent;
  };
  return { request: request as typeof http.request };
}

function isFault(status: number): boolean {
  return status >= 500 || status === 429;
}

async function fail(sent: http.ClientRequest, response: http.IncomingMessage): Promise<void> {
  let body = '';
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (body.length < LONGEST_FAULT) body += chunk.toString('latin1');
    }
  } catch {
    // Cut short: the status says enough.
  }
  sent.emit('error', new S3Fault(response.statusCode ?? 0, body));
}

/** A consumer that is slow to read is no silence of the store: this is only for bytes that did not come. */
function silence(milliseconds: number): Error {
  return Object.assign(new Error(`object store was silent for ${milliseconds} ms`), { code: 'ETIMEDOUT' });
}
