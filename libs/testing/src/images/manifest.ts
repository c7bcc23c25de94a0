import { blobOf, descriptorOf, MEDIA_TYPE, type Blob, type Descriptor } from './blob.js';

/** A manifest as it goes over the wire, with its digest. */
export type Manifest = Blob;

export interface ManifestOptions {
  config?: Descriptor;
  layers?: readonly Descriptor[];
  subject?: Descriptor;
  artifactType?: string;
  annotations?: Record<string, string>;
  mediaType?: string;
}

/** The two bytes `{}` that stand where an artifact has no config. They must be pushed like any blob. */
export const EMPTY_CONFIG: Blob = blobOf('{}', MEDIA_TYPE.empty);

/** An image manifest. Without a config it is an artifact of the empty config. */
export function aManifest(options: ManifestOptions = {}): Manifest {
  const { config = EMPTY_CONFIG, layers = [], subject, annotations, mediaType = MEDIA_TYPE.ociManifest } = options;
  const artifactType = options.artifactType ?? (options.config ? undefined : 'application/vnd.example.test');
  return jsonManifest(mediaType, {
    schemaVersion: 2,
    mediaType,
    ...(artifactType && { artifactType }),
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
    ...(subject && { subject: descriptorOf(subject) }),
    ...(annotations && { annotations }),
  });
}

/** Any JSON as a manifest: also what a registry must refuse. */
export function jsonManifest(mediaType: string, value: unknown): Manifest {
  return blobOf(JSON.stringify(value, null, 2), mediaType);
}
