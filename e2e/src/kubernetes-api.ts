import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { findProgram, programAt, tryCommand, type Found } from '@berth/testing';
import { Ajv, type ValidateFunction } from 'ajv';

/** The release that manifests are held against. */
export const KUBERNETES_VERSION = 'v1.34.4';

/** Kubernetes publishes the schemas of its API in its Go module, which Go keeps in its cache once it has been fetched. */
export function findGo(): Found {
  const onPath = findProgram('go', 'Go fetches the schemas of the Kubernetes API');
  return onPath.path === null
    ? programAt('/usr/local/go/bin/go', 'Go fetches the schemas of the Kubernetes API')
    : onPath;
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: Record<string, unknown>;
  data?: Record<string, string>;
}

interface Definition {
  properties?: Record<string, unknown>;
  additionalProperties?: unknown;
  format?: string;
  type?: unknown;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

/** Says what is wrong with an object, by the OpenAPI document of the API server; a field that does not exist is wrong too. */
export class KubernetesApi {
  private readonly ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  private readonly validators = new Map<string, ValidateFunction>();

  private constructor(private readonly definitions: Record<string, Definition>) {
    this.ajv.addSchema({ $id: 'kubernetes', definitions });
  }

  /** Takes a minute where Go has not fetched the module yet. */
  static async load(go: string): Promise<KubernetesApi> {
    const args = ['mod', 'download', '-json', `k8s.io/kubernetes@${KUBERNETES_VERSION}`];
    const { code, stdout, stderr } = await tryCommand(go, args, { env: process.env, timeout: 600_000 });
    if (code !== 0) throw new Error(`the schemas of the Kubernetes API cannot be fetched: ${stdout}${stderr}`);
    const { Dir: folder } = JSON.parse(stdout) as { Dir: string };
    const document = JSON.parse(readFileSync(join(folder, 'api/openapi-spec/swagger.json'), 'utf8')) as {
      definitions: Record<string, Definition>;
    };
    for (const [name, definition] of Object.entries(document.definitions)) {
      if (definition.properties) definition.additionalProperties ??= false;
      // The document has them as strings; the server takes numbers as well.
      if (definition.format === 'int-or-string' || name.endsWith('.resource.Quantity')) {
        definition.type = ['string', 'number'];
      }
    }
    return new KubernetesApi(document.definitions);
  }

  /** Empty where the server would take it. */
  troublesOf(object: KubernetesObject): string[] {
    const { apiVersion, kind } = object;
    const validate = this.validatorOf(apiVersion, kind);
    if (!validate) return [`there is no ${kind} in ${apiVersion} of Kubernetes ${KUBERNETES_VERSION}`];
    validate(object);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${kind} ${object.metadata.name}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  private validatorOf(apiVersion: string, kind: string): ValidateFunction | undefined {
    const [version, group = ''] = apiVersion.split('/').reverse() as [string, string?];
    const name = Object.keys(this.definitions).find((key) =>
      this.definitions[key]!['x-kubernetes-group-version-kind']?.some(
        (one) => one.group === group && one.version === version && one.kind === kind,
      ),
    );
    if (name === undefined) return undefined;
    const known = this.validators.get(name) ?? this.ajv.compile({ $ref: `kubernetes#/definitions/${name}` });
    this.validators.set(name, known);
    return known;
  }
}
