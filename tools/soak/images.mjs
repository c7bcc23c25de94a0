// Images, indexes and referrers as a client has them: bytes, and the parts that they refer to.
import { sha256 } from './registry-calls.mjs';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

const json = (value) => Buffer.from(JSON.stringify(value));
const describe = (mediaType) => (bytes) => ({ mediaType, digest: sha256(bytes), size: bytes.length });
const describeManifest = ({ mediaType, digest, bytes }) => ({ mediaType, digest, size: bytes.length });

/** `about` makes it one of its kind. With `subject` it is a referrer of that. */
export function anImage(layers, about, subject = null) {
  const config = json({ architecture: 'amd64', os: 'linux', ...about });
  const bytes = json({
    schemaVersion: 2,
    mediaType: IMAGE,
    config: describe(CONFIG)(config),
    layers: layers.map(describe(LAYER)),
    ...(subject && { artifactType: 'application/vnd.example.soak', subject: describeManifest(subject) }),
  });
  const blobs = [config, ...layers];
  return { bytes, mediaType: IMAGE, digest: sha256(bytes), blobs, images: [], subject: subject?.digest ?? null };
}

export function anIndex(images, about) {
  const manifests = images.map(describeManifest);
  const bytes = json({ schemaVersion: 2, mediaType: INDEX, manifests, annotations: about });
  return { bytes, mediaType: INDEX, digest: sha256(bytes), blobs: [], images, subject: null };
}
