// A load on one registry: pushes images of one unique layer each, then pulls them; or reads one manifest again and again.
import { forEachOf, ImageLoad, makeImages } from './image-load.mjs';

const job = JSON.parse(process.argv[2]);
const load = new ImageLoad(job.url);

async function perSecond(images, work) {
  const began = performance.now();
  await forEachOf(images, job.concurrency, work);
  return (images.length * 1000) / (performance.now() - began);
}

async function measureImages() {
  const images = makeImages(job.seed, job.images, job.layerBytes);
  const pushed = await perSecond(images, (image) => load.push(image));
  const pulled = await perSecond(images, (image) => load.pull(image));
  return { pushed, pulled };
}

async function measureManifests() {
  const [image] = makeImages(job.seed, 1, 1000);
  await load.push(image);
  const times = [];
  for (let n = 0; n < job.requests; n++) {
    const began = performance.now();
    await load.manifest(image);
    times.push((performance.now() - began) * 1000);
  }
  times.sort((a, b) => a - b);
  return { p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] };
}

const measured = job.kind === 'images' ? await measureImages() : await measureManifests();
process.stdout.write(JSON.stringify(measured));
await load.close();
