import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { KubernetesObject } from './kubernetes-api.js';

const NAMESPACED: Record<string, Record<string, string>> = {
  '/api/v1': { secrets: 'Secret' },
  '/apis/apps/v1': { deployments: 'Deployment' },
};

/**
 * As much of an API server as `lookup` of helm asks for: what is in one namespace. Anything else is forbidden, as to a user who has rights
 * in that namespace alone.
 */
export class NamespaceServer {
  objects: KubernetesObject[] = [];

  private constructor(
    private readonly server: Server,
    private readonly namespace: string,
  ) {}

  static async start(namespace: string): Promise<NamespaceServer> {
    const server = createServer((request, response) => {
      const { status, body } = started.answerTo(new URL(request.url!, 'http://server').pathname);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    const started = new NamespaceServer(server, namespace);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): Promise<unknown> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }

  private answerTo(path: string): { status: number; body: unknown } {
    for (const [version, kinds] of Object.entries(NAMESPACED)) {
      if (path === version) return { status: 200, body: resourcesOf(version, kinds) };
      for (const [resource, kind] of Object.entries(kinds)) {
        const all = `${version}/namespaces/${this.namespace}/${resource}`;
        const items = this.objects.filter((object) => object.kind === kind);
        if (path === all) return { status: 200, body: { apiVersion: 'v1', kind: `${kind}List`, items } };
        if (!path.startsWith(`${all}/`)) continue;
        const found = items.find(({ metadata }) => path === `${all}/${metadata.name}`);
        return found ? { status: 200, body: found } : { status: 404, body: failure('NotFound', 404) };
      }
    }
    return { status: 403, body: failure('Forbidden', 403) };
  }
}

const resourcesOf = (version: string, kinds: Record<string, string>) => ({
  kind: 'APIResourceList',
  groupVersion: version.replace(/^\/apis?\//, ''),
  resources: Object.entries(kinds).map(([name, kind]) => ({ name, kind, namespaced: true, verbs: ['get', 'list'] })),
});

const failure = (reason: string, code: number) => ({
  ...{ apiVersion: 'v1', kind: 'Status', status: 'Failure' },
  ...{ reason, code, message: reason },
});
