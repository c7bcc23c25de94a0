// A load on one registry: pushes images of one unique layer each, then pulls them; or reads one manifest again and again.
import { createHash, randomBytes } from 'node:crypto';
import { Agent, request } from 'undici';

const job = JSON.parse(process.argv[2]);
const dispatcher = new Agent({ connections: 16, bodyTimeout: 120_000 });
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const sha256 = (...parts) =>
  `sha256:${parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex')}`;

async function call(method, path, expected, { headers = {}, body } = {}) {
  const response = await request(new URL(path, job.url), { method, headers, body, dispatcher });
  if (response.statusCode === expected) return response;
  throw new Error(`${method} ${path}: ${response.statusCode} ${await response.body.text()}`);
}

async function pushBlob(repository, digest, parts) {
  const started = await call('POST', `/v2/${repository}/blobs/uploads/`, 202);
  await started.body.dump();
  const location = new URL(started.headers.location, job.url);
  location.searchParams.set('digest', digest);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(length) };
  const done = await call('PUT', location, 201, { headers, body: parts.length === 1 ? parts[0] : chunks(parts) });
  await done.body.dump();
}

async function* chunks(parts) {
  yield* parts;
}

/** Layers share their body and differ in their first bytes: unique content without the cost of making it. */
function makeImages(count, layerBytes) {
  const rest = randomBytes(layerBytes - 64);
  return Array.from({ length: count }, (_, n) => {
    const first = Buffer.alloc(64, `${job.seed}-${n}`);
    const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', seed: job.seed, n }));
    const layer = { digest: sha256(first, rest), parts: [first, rest] };
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
        layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.digest, size: layerBytes }],
      }),
    );
    return {
      repository: `bench/r${n % 10}`,
      tag: `t${n}`,
      config: { digest: sha256(config), parts: [config] },
      layer,
      manifest,
    };
  });
}

async function push({ repository, tag, config, layer, manifest }) {
  await pushBlob(repository, layer.digest, layer.parts);
  await pushBlob(repository, config.digest, config.parts);
  const done = await call('PUT', `/v2/${repository}/manifests/${tag}`, 201, {
    headers: { 'content-type': MANIFEST },
    body: manifest,
  });
  await done.body.dump();
}

async function pull({ repository, tag, config, layer, manifest }) {
  const headers = { accept: MANIFEST };
  const head = await call('HEAD', `/v2/${repository}/manifests/${tag}`, 200, { headers });
  await head.body.dump();
  const got = await call('GET', `/v2/${repository}/manifests/${head.headers['docker-content-digest']}`, 200, {
    headers,
  });
  if (!Buffer.from(await got.body.arrayBuffer()).equals(manifest)) throw new Error('another manifest came back');
  for (const { digest, parts } of [config, layer]) {
    const blob = await call('GET', `/v2/${repository}/blobs/${digest}`, 200);
    const expected = parts.reduce((sum, part) => sum + part.length, 0);
    let length = 0;
    for await (const chunk of blob.body) length += chunk.length;
    if (length !== expected) throw new Error(`${length} bytes came back for ${expected}`);
  }
}

async function perSecond(images, concurrency, work) {
  const queue = [...images];
  const began = performance.now();
  const worker = async () => {
    for (let image = queue.pop(); image; image = queue.pop()) await work(image);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (images.length * 1000) / (performance.now() - began);
}

async function measureImages() {
  const images = makeImages(job.images, job.layerBytes);
  const pushed = await perSecond(images, job.concurrency, push);
  const pulled = await perSecond(images, job.concurrency, pull);
  return { pushed, pulled };
}

async function measureManifests() {
  const [image] = makeImages(1, 1000);
  await push(image);
  const times = [];
  for (let n = 0; n < job.requests; n++) {
    const began = performance.now();
    const got = await call('GET', `/v2/${image.repository}/manifests/${image.tag}`, 200, {
      headers: { accept: MANIFEST },
    });
    await got.body.dump();
    times.push((performance.now() - began) * 1000);
  }
  times.sort((a, b) => a - b);
  return { p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] };
}

const measured = job.kind === 'images' ? await measureImages() : await measureManifests();
process.stdout.write(JSON.stringify(measured));
await dispatcher.close();
