/** A batch of tiny chunks is cut here, so that a body of single bytes does not become a million views. */
const MOST_CHUNKS = 1024;

/** The chunks of `body`, unchanged and in order, in batches of at least `atLeast` bytes; only the last one is smaller. */
export async function* chunkBatches(body: AsyncIterable<Uint8Array>, atLeast: number): AsyncGenerator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (chunk.length === 0) continue;
    batch.push(chunk);
    bytes += chunk.length;
    if (bytes < atLeast && batch.length < MOST_CHUNKS) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
