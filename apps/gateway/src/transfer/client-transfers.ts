import type { IncomingMessage } from 'node:http';
import { BytesInFlight, Metrics } from '@berth/platform';
import { Injectable } from '@nestjs/common';

/** Blobs on their way between clients and storage, as `berth_http_bytes_in_flight`. */
@Injectable()
export class ClientTransfers {
  private readonly inFlight: BytesInFlight;

  constructor(metrics: Metrics) {
    this.inFlight = new BytesInFlight(
      metrics,
      'berth_http_bytes_in_flight',
      'Size of the blobs that clients are sending (`in`) and reading (`out`); of an upload without a length what has come',
    );
  }

  /** Counts the body of the request while `work` reads it. */
  receiving<T>({ headers, socket }: IncomingMessage, work: () => Promise<T>): Promise<T> {
    const announced = headers['content-length'];
    const before = socket.bytesRead;
    return this.during(
      this.inFlight.begin('in', () => (announced === undefined ? socket.bytesRead - before : Number(announced))),
      work,
    );
  }

  /** Counts so many bytes while `work` sends them. */
  sending<T>(length: number, work: () => Promise<T>): Promise<T> {
    return this.during(
      this.inFlight.begin('out', () => length),
      work,
    );
  }

  private async during<T>(end: () => void, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      end();
    }
  }
}
