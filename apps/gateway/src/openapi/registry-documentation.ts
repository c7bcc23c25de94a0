import { MAX_TAGS_PER_PUSH } from '@berth/contracts';
import type { Methods } from '../registry/registry-routes.js';
import type { RegistryPath } from '../registry/route-grammar.js';
import { TAG } from './components.js';
import type { Answer, EndpointDocumentation, HeaderName, NarrowedError } from './endpoint-documentation.js';
import type { Parameter, RequestBody, Schema } from './openapi-document.js';

/** How the paths that the grammar reads look to people. */
export const PATH_TEMPLATES: Record<RegistryPath['kind'], string> = {
  base: '/v2/',
  catalog: '/v2/_catalog',
  blob: '/v2/{name}/blobs/{digest}',
  manifest: '/v2/{name}/manifests/{reference}',
  uploads: '/v2/{name}/blobs/uploads/',
  upload: '/v2/{name}/blobs/uploads/{sessionId}',
  tags: '/v2/{name}/tags/list',
  referrers: '/v2/{name}/referrers/{digest}',
  extensions: '/v2/_oci/ext/discover',
  repositoryExtensions: '/v2/{name}/_oci/ext/discover',
};

type RegistryDocumentation = {
  [Kind in RegistryPath['kind']]: Record<Methods[Kind], EndpointDocumentation>;
};

const CONTENT: HeaderName[] = ['Docker-Content-Digest', 'ETag', 'Cache-Control'];
const PROGRESS: HeaderName[] = ['Location', 'Range', 'Docker-Upload-UUID'];

const ANY_BYTES = { 'application/octet-stream': { schema: {} } };
const NOT_MODIFIED: Answer = { description: 'The client has it: If-None-Match names it.', headers: CONTENT };
const BLOB_CREATED: Answer = {
  description: 'The blob is in the repository.',
  headers: ['Location', 'Docker-Content-Digest'],
};

const IF_NONE_MATCH = inHeader('If-None-Match', 'ETags that the client has.');
const CONTENT_RANGE = inHeader(
  'Content-Range',
  '`first-last` of the chunk, without a unit. Absent: the bytes go where the upload stands.',
  { pattern: '^\\d+-\\d+$' },
);

const MANIFEST_BODY: RequestBody = {
  description:
    'The manifest, stored as it is, byte for byte. Its type is the Content-Type, without parameters; where that is `application/json`, `application/octet-stream`, `application/x-www-form-urlencoded` or `text/plain`, which says nothing, its own `mediaType`, or what its fields tell.',
  required: true,
  content: {
    'application/vnd.oci.image.manifest.v1+json': { schema: {} },
    'application/vnd.oci.image.index.v1+json': { schema: {} },
    'application/vnd.docker.distribution.manifest.v2+json': { schema: {} },
    'application/vnd.docker.distribution.manifest.list.v2+json': { schema: {} },
    '*/*': { schema: {} },
  },
};

const MANIFEST_CONTENT = {
  '*/*': { schema: {} },
  'application/vnd.docker.distribution.manifest.v1+prettyjws': { schema: {} },
};

const BODY_ENDED: NarrowedError = {
  code: 'BLOB_UPLOAD_INVALID',
  when: 'the body ended early; what arrived is kept, and the upload can go on behind it',
};
const OUT_OF_ORDER: NarrowedError = {
  code: 'BLOB_UPLOAD_INVALID',
  status: 416,
  when: 'Content-Range is malformed, or does not start where the upload stands; the session stays as it was',
};
const WRONG_LENGTH: NarrowedError = {
  code: 'SIZE_INVALID',
  when: 'the body is not as long as Content-Range says; nothing of it is kept',
};
const TOO_LARGE: NarrowedError = {
  code: 'SIZE_INVALID',
  status: 413,
  when: 'the blob comes to be larger than BERTH_MAX_BLOB_BYTES; nothing of the body is kept',
};
const BAD_CONTENT_TYPE: NarrowedError = { code: 'UNSUPPORTED', status: 415, when: 'the Content-Type is none' };
const LAST_BYTE_SENT =
  'An upload that has its last byte, because a PUT sent it, may take no more: that is 416 too, and the PUT can be repeated.';
const NOT_THE_DIGEST: NarrowedError = {
  code: 'DIGEST_INVALID',
  when: 'the digest is missing or malformed, or the bytes hash to another one',
};
const BAD_REFERENCE: NarrowedError = { code: 'MANIFEST_INVALID', when: 'the tag is malformed' };
const NO_ORGANISATION: NarrowedError = {
  code: 'DENIED',
  when: 'the right is missing, or the organisation does not exist and may not be made',
};

const PING: EndpointDocumentation = {
  summary: 'Says that this is a V2 registry, and whether the token is valid.',
  answers: { 200: { description: 'It is.', content: { 'application/json': { schema: { type: 'object' } } } } },
  errors: [],
};

const MANIFEST_GET: EndpointDocumentation = {
  summary: 'Pulls a manifest.',
  description:
    'The exact bytes that were pushed, in the type that was pushed, whatever Accept says. One exception: where Accept names a type of Docker schema 1 and neither the stored type nor `*/*`, a tag of an image is answered in schema 1, signed by a key that nobody need trust; of an index that is its image for linux/amd64. The digest is then that of the payload without the signature, and not one that can be asked for. BERTH_SCHEMA1_DEFAULT makes that the answer to every client that names no newer type.',
  parameters: [IF_NONE_MATCH],
  answers: {
    200: { description: 'The manifest.', headers: [...CONTENT, 'Vary'], content: MANIFEST_CONTENT },
    304: NOT_MODIFIED,
  },
  errors: [BAD_REFERENCE, 'DIGEST_INVALID', 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN'],
};

const UPLOAD_STATUS: EndpointDocumentation = {
  summary: 'Asks how far an upload is.',
  answers: { 204: { description: 'So far.', headers: PROGRESS } },
  errors: ['BLOB_UPLOAD_UNKNOWN'],
};

const TAGS: EndpointDocumentation = {
  summary: 'Lists tags in ASCII order.',
  parameters: [
    inQuery('n', 'Tags on this page at most; 10,000 is the largest page.', {
      type: 'integer',
      minimum: 0,
      default: 1000,
    }),
    inQuery('last', 'Tags behind this one, which need not exist.'),
  ],
  answers: {
    200: {
      description: 'A page. `name` is spelled as the path spells it.',
      headers: ['Link'],
      content: { 'application/json': { schema: { $ref: '#/components/schemas/TagList' } } },
    },
  },
  errors: [{ code: 'UNSUPPORTED', status: 400, when: 'n is no number' }, 'NAME_UNKNOWN'],
};

const CATALOG: EndpointDocumentation = {
  summary: 'Lists repositories in ASCII order: those that the caller may pull.',
  description:
    'A repository of `library` goes by its last component. Anonymous clients see what is public, with a token for `registry:catalog:*`.',
  parameters: [
    inQuery('n', 'Repositories on this page at most; 1,000 is the largest page.', {
      type: 'integer',
      minimum: 0,
      default: 1000,
    }),
    inQuery('last', 'Repositories behind this one, which need not exist.'),
  ],
  answers: {
    200: {
      description: 'A page.',
      headers: ['Link'],
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Catalog' } } },
    },
  },
  errors: ['PAGINATION_NUMBER_INVALID'],
};

const REFERRERS: EndpointDocumentation = {
  summary: 'Lists the manifests whose subject is this digest, in digest order.',
  description:
    'Also for a digest or a repository that is not there: then the list is empty. A page ends before its annotations are more than 2 MiB. Lists that clients keep under the fallback tag name nothing that is not here.',
  parameters: [
    inQuery('artifactType', 'Only referrers of this type.', { maxLength: 255 }),
    inQuery('n', 'Referrers on this page at most; 1,000 is the largest page.', {
      type: 'integer',
      minimum: 0,
      default: 1000,
    }),
    inQuery('last', 'Referrers behind this digest, which need not exist.'),
  ],
  answers: {
    200: {
      description: 'A page, as an image index.',
      headers: ['Link', 'OCI-Filters-Applied'],
      content: {
        'application/vnd.oci.image.index.v1+json': { schema: { $ref: '#/components/schemas/ReferrerList' } },
      },
    },
  },
  errors: [
    'DIGEST_INVALID',
    {
      code: 'UNSUPPORTED',
      status: 400,
      when: 'n is no number, or artifactType is longer than 255 characters or holds a NUL',
    },
  ],
};

const DISCOVER: EndpointDocumentation = {
  summary: 'Lists extensions of the API.',
  answers: {
    200: {
      description: 'There are none.',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/ExtensionList' } } },
    },
  },
  errors: [],
};
const DISCOVER_OF_REPOSITORY = { ...DISCOVER, summary: 'Lists extensions of the API for one repository.' };

/** What the document says about each endpoint of the registry. One that a path has and this has not does not compile. */
export const REGISTRY_DOCUMENTATION: RegistryDocumentation = {
  base: { GET: PING, HEAD: PING },
  catalog: { GET: CATALOG, HEAD: CATALOG },
  blob: {
    GET: {
      summary: 'Pulls a blob, or a part of it.',
      description:
        'The empty layer of Docker schema 1 is in every repository, also in one that does not exist, for GET alone.',
      parameters: [
        inHeader('Range', 'One range of bytes. Several, or another unit: the whole blob is answered.'),
        inHeader('If-Range', 'The ETag of the blob that Range is of; with another the whole blob is answered.'),
        IF_NONE_MATCH,
      ],
      answers: {
        200: { description: 'The blob.', headers: [...CONTENT, 'Accept-Ranges'], content: ANY_BYTES },
        206: {
          description: 'The part.',
          headers: [...CONTENT, 'Accept-Ranges', 'Content-Range'],
          content: ANY_BYTES,
        },
        304: NOT_MODIFIED,
        307: {
          description:
            'The object store serves it, the part too, at the Location, for some minutes and without credentials. Where BERTH_REDIRECT allows that.',
          headers: ['Location', 'Docker-Content-Digest', 'ETag', 'Cache-Control'],
        },
      },
      errors: [
        'DIGEST_INVALID',
        'BLOB_UNKNOWN',
        { code: 'SIZE_INVALID', status: 416, when: 'the blob has no byte of that range', headers: ['Content-Range'] },
      ],
    },
    HEAD: {
      summary: 'Asks whether the repository has a blob.',
      description: 'What is answered 200 may be referenced by a manifest for the length of a lease.',
      parameters: [IF_NONE_MATCH],
      answers: { 200: { description: 'It has.', headers: [...CONTENT, 'Accept-Ranges'] }, 304: NOT_MODIFIED },
      errors: ['DIGEST_INVALID', 'BLOB_UNKNOWN'],
    },
    DELETE: {
      summary: 'Takes a blob out of the repository.',
      answers: { 202: { description: 'It is out.' } },
      errors: [
        'DIGEST_INVALID',
        'BLOB_UNKNOWN',
        { code: 'UNSUPPORTED', when: 'a manifest of the repository references it', headers: ['Allow'] },
      ],
    },
  },
  manifest: {
    GET: MANIFEST_GET,
    HEAD: { ...MANIFEST_GET, summary: 'Asks whether the repository has a manifest, and which one a tag names.' },
    PUT: {
      summary: 'Pushes a manifest, and moves the tag to it where the reference is one.',
      description:
        'All that it references must be in the repository, except for its subject. Otherwise nothing is stored. With a condition that does not hold nothing is stored either, and of two pushes that expect the same one is refused.',
      parameters: [
        inQuery('tag', 'Moved to the manifest in the same transaction. By digest only.', {
          type: 'array',
          items: { type: 'string', pattern: `^${TAG}$` },
          maxItems: MAX_TAGS_PER_PUSH,
        }),
        inHeader(
          'If-Match',
          'ETags of manifests, one of which the tag must name now; `*`: it must exist. By tag only.',
        ),
        inHeader('If-None-Match', 'ETags that the tag must not name now; `*`: it must not exist. By tag only.'),
      ],
      body: MANIFEST_BODY,
      answers: {
        201: {
          description: 'The manifest is stored.',
          headers: ['Location', 'Docker-Content-Digest', 'OCI-Subject', 'OCI-Tag'],
        },
      },
      errors: [
        {
          code: 'MANIFEST_INVALID',
          when: 'manifest or tag are malformed, or a condition is no list of ETags, or there is one and tags in the query',
        },
        {
          code: 'MANIFEST_INVALID',
          status: 412,
          when: 'the tag names another manifest than If-Match or If-None-Match want',
        },
        { code: 'UNSUPPORTED', status: 414, when: `there are more than ${MAX_TAGS_PER_PUSH} tags in the query` },
        { code: 'MANIFEST_INVALID', status: 413, when: 'it is larger than BERTH_MAX_MANIFEST_BYTES' },
        'MANIFEST_BLOB_UNKNOWN',
        { code: 'DIGEST_INVALID', when: 'the reference is a malformed digest, or not that of the body' },
        { code: 'SIZE_INVALID', when: 'the body ended early' },
        { code: 'UNSUPPORTED', status: 415, when: 'its Content-Type is none, or it has a Content-Encoding' },
        NO_ORGANISATION,
      ],
    },
    DELETE: {
      summary: 'Deletes a tag, or by digest a manifest with all its tags.',
      parameters: [
        inHeader('If-Match', 'ETags of manifests, one of which the reference must name now.'),
        inHeader('If-None-Match', 'ETags that the reference must not name now.'),
      ],
      answers: { 202: { description: 'It is gone.' } },
      errors: [
        BAD_REFERENCE,
        'DIGEST_INVALID',
        'MANIFEST_UNKNOWN',
        'NAME_UNKNOWN',
        { code: 'MANIFEST_INVALID', status: 412, when: 'it is not what If-Match or If-None-Match want' },
        { code: 'UNSUPPORTED', when: 'an index refers to the manifest', headers: ['Allow'] },
      ],
    },
  },
  uploads: {
    POST: {
      summary: 'Starts an upload, takes a whole blob, or mounts one of another repository.',
      description:
        'With `digest` the body is the blob, and an upload that fails leaves no session behind. With `mount` the blob is taken over from the repository `from`, or without it from any that the caller may pull; where that cannot be, for whatever reason, a session is opened instead. The body of any other request is not read.',
      parameters: [
        inQuery('digest', 'Of the body.'),
        inQuery('mount', 'The digest to take over.'),
        inQuery('from', 'The repository to take it from; absent: any.'),
        inQuery('digest-algorithm', 'What the digest at the end will be.', {
          enum: ['sha256', 'sha512'],
          default: 'sha256',
        }),
        CONTENT_RANGE,
      ],
      body: { description: 'The blob, with `digest`.', content: ANY_BYTES },
      answers: {
        201: BLOB_CREATED,
        202: { description: 'A session is open.', headers: PROGRESS },
      },
      errors: [
        { ...NOT_THE_DIGEST, when: 'digest or digest-algorithm is malformed, or the body hashes to another digest' },
        BODY_ENDED,
        OUT_OF_ORDER,
        WRONG_LENGTH,
        TOO_LARGE,
        BAD_CONTENT_TYPE,
        { code: 'BLOB_UPLOAD_UNKNOWN', when: 'the session ended while the body was on its way' },
        NO_ORGANISATION,
      ],
    },
  },
  upload: {
    PATCH: {
      summary: 'Sends the next bytes.',
      description: `Bytes that were answered 202 are durable. ${LAST_BYTE_SENT}`,
      parameters: [CONTENT_RANGE],
      body: { description: 'A chunk, or a stream of unknown length.', content: ANY_BYTES },
      answers: { 202: { description: 'The bytes are stored.', headers: PROGRESS } },
      errors: ['BLOB_UPLOAD_UNKNOWN', BODY_ENDED, OUT_OF_ORDER, WRONG_LENGTH, TOO_LARGE, BAD_CONTENT_TYPE],
    },
    PUT: {
      summary: 'Ends an upload: the blob becomes one of the repository.',
      parameters: [{ ...inQuery('digest', 'Of the whole blob.'), required: true }, CONTENT_RANGE],
      body: { description: 'The last bytes, or none.', content: ANY_BYTES },
      answers: { 201: BLOB_CREATED },
      errors: [
        NOT_THE_DIGEST,
        'BLOB_UPLOAD_UNKNOWN',
        BODY_ENDED,
        OUT_OF_ORDER,
        WRONG_LENGTH,
        TOO_LARGE,
        BAD_CONTENT_TYPE,
        NO_ORGANISATION,
      ],
    },
    GET: UPLOAD_STATUS,
    HEAD: UPLOAD_STATUS,
    DELETE: {
      summary: 'Cancels an upload and forgets its bytes.',
      answers: { 204: { description: 'It is gone.', headers: ['Docker-Upload-UUID'] } },
      errors: ['BLOB_UPLOAD_UNKNOWN'],
    },
  },
  tags: { GET: TAGS, HEAD: TAGS },
  referrers: { GET: REFERRERS, HEAD: REFERRERS },
  extensions: { GET: DISCOVER, HEAD: DISCOVER },
  repositoryExtensions: { GET: DISCOVER_OF_REPOSITORY, HEAD: DISCOVER_OF_REPOSITORY },
};

function inQuery(name: string, description: string, schema: Schema = {}): Parameter {
  return { name, in: 'query', description, schema: { type: 'string', ...schema } };
}

function inHeader(name: string, description: string, schema: Schema = {}): Parameter {
  return { name, in: 'header', description, schema: { type: 'string', ...schema } };
}
