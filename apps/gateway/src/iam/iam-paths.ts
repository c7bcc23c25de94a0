import { SERVICE_DOCUMENTATION } from '../openapi/service-documentation.js';

const IAM = /^\/v3(\.0)?(\/|$)/;
const ENDPOINTS = Object.entries(SERVICE_DOCUMENTATION)
  .filter(([path]) => IAM.test(path))
  .map(([path, methods]) => ({
    path: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
    methods: Object.keys(methods),
  }));

/** The path of a request's target, still encoded, where it belongs to the API of IAM, be there something or not; else null. */
export function iamPathOf(target: string): string | null {
  const path = target.split('?', 1)[0]!;
  return IAM.test(path) ? path : null;
}

/** The methods of what is at a path of IAM; none where nothing is. */
export const iamMethodsAt = (path: string): string[] =>
  ENDPOINTS.find((endpoint) => endpoint.path.test(path))?.methods ?? [];
