import { anImage, digestOf, type RegistryClient } from '@berth/testing';

interface Parameter {
  name: string;
  in: string;
  schema: object;
  examples?: Record<string, { value: string }>;
}

interface Operation {
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: { content: Record<string, object> };
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { parameters: Record<string, Parameter> };
}

/** One component: a fuzzer encodes the slash of a name, which is then no name. */
export const FUZZED = 'fuzzed';

const [MANIFEST, BLOB, UPLOADS, UPLOAD] = [
  '/v2/{name}/manifests/{reference}',
  '/v2/{name}/blobs/{digest}',
  '/v2/{name}/blobs/uploads/',
  '/v2/{name}/blobs/uploads/{sessionId}',
];

/**
 * Pushes images to the repository `fuzzed` and gives the OpenAPI document of the registry with examples that name what is
 * there. The n-th values of the parameters of an operation go together. What changes something has content and sessions of
 * its own.
 */
export async function documentWithExamples(client: RegistryClient): Promise<object> {
  const [image, doomed] = [anImage({ layers: 2 }), anImage({ layers: 1 })];
  await client.push(FUZZED, image, 'v1');
  await client.push(FUZZED, doomed, 'doomed');
  (await client.deleteManifest(FUZZED, doomed.manifest.digest)).expect(202);
  await client.pushManifest(FUZZED, image.manifest, 'old');
  const aSession = async () =>
    new URL((await client.startUpload(FUZZED)).location, client.base).pathname.split('/').at(-1)!;
  const document = (await client.call('GET', '/openapi.json', [])).expect(200).json<Document>();

  const { parameters } = document.components;
  const blob = image.layers[0]!.digest;
  const manifest = image.manifest.digest;
  setExamples(parameters.name!, FUZZED);
  setExamples(parameters.reference!, 'v1', manifest);
  setExamples(parameters.digest!, blob);
  setExamples(parameters.sessionId!, await aSession());

  const give = (path: string, method: string, name: string, ...values: string[]) =>
    setExamples(ownParameter(document, path, method, name), ...values);
  // Of a blob: a part, none, what the client has, and the whole.
  give(BLOB, 'get', 'Range', 'bytes=0-9', 'bytes=999999999-', 'bytes=0-9', 'lines=1');
  give(BLOB, 'get', 'If-None-Match', '"x"', '"x"', `"${blob}"`, '"x"');
  give(BLOB, 'head', 'If-None-Match', '"x"', `"${blob}"`);
  for (const method of ['get', 'head']) {
    give(MANIFEST, method, 'If-None-Match', '"x"', '"x"', `"${manifest}"`);
  }
  give(MANIFEST, 'put', 'reference', 'new');
  give(MANIFEST, 'delete', 'reference', 'old');
  give(BLOB, 'delete', 'digest', doomed.layers[0]!.digest);
  for (const method of ['patch', 'put', 'delete']) give(UPLOAD, method, 'sessionId', await aSession());

  const bytes = 'the bytes of a blob';
  for (const [path, method] of [
    [UPLOADS, 'post'],
    [UPLOAD, 'put'],
  ] as const) {
    give(path, method, 'digest', digestOf(Buffer.from(bytes)));
  }
  for (const operation of [
    document.paths[UPLOADS]!.post!,
    document.paths[UPLOAD]!.put!,
    document.paths[UPLOAD]!.patch!,
  ]) {
    operation.requestBody!.content['application/octet-stream'] = { schema: {}, example: bytes };
  }
  const { content } = document.paths[MANIFEST]!.put!.requestBody!;
  content[image.manifest.mediaType] = { schema: {}, example: JSON.parse(image.manifest.bytes.toString()) as object };
  return document;
}

function setExamples(parameter: Parameter, ...values: string[]): void {
  parameter.examples = Object.fromEntries(values.map((value, n) => [`n${n}`, { value }]));
}

/** The parameter of this operation alone: one that it shares with others is copied into it. */
function ownParameter(document: Document, path: string, method: string, name: string): Parameter {
  const all = document.paths[path]![method]!.parameters!;
  const resolve = (parameter: (typeof all)[number]) =>
    '$ref' in parameter ? document.components.parameters[parameter.$ref.split('/').at(-1)!]! : parameter;
  const at = all.findIndex((parameter) => resolve(parameter).name === name);
  if (at < 0) throw new Error(`${method} ${path} has no parameter ${name}`);
  return (all[at] = { ...resolve(all[at]!) });
}
