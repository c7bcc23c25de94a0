import { RegistryError } from './errors.js';
import {
  bareMediaType,
  DOCKER_FOREIGN_LAYER_GZIP,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_SCHEMA1_SIGNED,
  isImageManifestMediaType,
  isIndexMediaType,
  isManifestMediaType,
  isNonDistributableMediaType,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
  OCI_LAYER_GZIP,
  OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  ORAS_ARTIFACT_MANIFEST,
} from './media-types.js';

describe(bareMediaType.name, () => {
  it.each([
    [OCI_IMAGE_MANIFEST, OCI_IMAGE_MANIFEST],
    [`${OCI_IMAGE_MANIFEST}; charset=utf-8`, OCI_IMAGE_MANIFEST],
    [`  ${OCI_IMAGE_MANIFEST} ;x="a;b/c"`, OCI_IMAGE_MANIFEST],
    ['Application/VND.Foo+JSON', 'application/vnd.foo+json'],
  ])('reads %j as %s', (header, bare) => {
    expect(bareMediaType(header)).toBe(bare);
  });

  it.each([
    '',
    ';',
    'json',
    'a/',
    '/b',
    'a/b/c',
    'a/b, c/d',
    'a b/c',
    'a/b\r\nX: y',
    `a/${'b'.repeat(128)}`,
    'a/\u0431',
  ])('refuses %j with MANIFEST_INVALID', (header) => {
    expect.assertions(2);
    try {
      bareMediaType(header);
    } catch (error) {
      expect(error).toBeInstanceOf(RegistryError);
      expect((error as RegistryError).code).toBe('MANIFEST_INVALID');
    }
  });
});

describe('kinds of media types', () => {
  it('tells images, indexes and other manifests from blobs', () => {
    expect([OCI_IMAGE_MANIFEST, DOCKER_MANIFEST, OCI_IMAGE_INDEX].map(isImageManifestMediaType)).toEqual([
      true,
      true,
      false,
    ]);
    expect([OCI_IMAGE_INDEX, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST].map(isIndexMediaType)).toEqual([true, true, false]);
    const manifests = [OCI_IMAGE_MANIFEST, DOCKER_MANIFEST_LIST, ORAS_ARTIFACT_MANIFEST, DOCKER_SCHEMA1_SIGNED];
    expect(manifests.map(isManifestMediaType)).toEqual([true, true, true, true]);
    expect([OCI_LAYER_GZIP, 'application/vnd.buildkit.cacheconfig.v0'].map(isManifestMediaType)).toEqual([
      false,
      false,
    ]);
  });

  it('knows the layers that registries need not hold', () => {
    const layers = [OCI_LAYER_NONDISTRIBUTABLE_GZIP, DOCKER_FOREIGN_LAYER_GZIP, OCI_LAYER_GZIP];
    expect(layers.map(isNonDistributableMediaType)).toEqual([true, true, false]);
  });
});
