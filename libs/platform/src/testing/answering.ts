import type { RequestContract } from '@berth/contracts';
import { InProcessBus } from '@berth/messaging';
import { RegistryError } from '@berth/oci';
import { SwrError } from '@berth/swr';

/** Answers a contract on the bus as its service would; gives the requests that came, in order. */
export function answering<Request extends object, Reply>(
  bus: InProcessBus,
  contract: RequestContract<Request, Reply>,
  answer: (request: Request) => Reply | Promise<Reply>,
): Request[] {
  const requests: Request[] = [];
  bus.add(contract.subject, ({ data }, reply) => {
    requests.push(data as Request);
    void (async () => answer(data as Request))().then(
      (response) => reply({ response }),
      (error: unknown) => {
        const known = error instanceof RegistryError || error instanceof SwrError;
        reply({ err: known ? error.toWire() : { status: 'error' } });
      },
    );
  });
  return requests;
}
