import type { OpenApiDocument, Operation, Parameter, Reference } from '../openapi/openapi-document.js';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const MEDIA_RANGE = /^[\w*.+-]+\/[\w*.+-]+$/;

/**
 * What is wrong with the structure of an OpenAPI document; empty where nothing is. No full validator: what goes wrong in a
 * document that is typed (references, names, path parameters), and not what the types already hold. Spec: OpenAPI 3.1.1.
 */
export function structuralTroubles(document: OpenApiDocument): string[] {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return [
    ...danglingReferences(document),
    ...duplicates(operations.map(({ operation }) => operation.operationId)).map((id) => `operationId ${id} twice`),
    ...operations.flatMap(({ path, method, operation }) =>
      [
        ...pathTroubles(document, path, method, operation),
        ...responseTroubles(operation),
        ...securityTroubles(document, operation),
      ].map((trouble) => `${method} ${path}: ${trouble}`),
    ),
    ...Object.keys(document.components).flatMap((section) =>
      Object.keys(document.components[section as keyof OpenApiDocument['components']])
        .filter((name) => !/^[\w.-]+$/.test(name))
        .map((name) => `components/${section}/${name} is not a component's name`),
    ),
  ];
}

function danglingReferences(document: OpenApiDocument): string[] {
  const references: string[] = [];
  JSON.stringify(document, (key, value: unknown) => {
    if (key === '$ref') references.push(value as string);
    return value;
  });
  return [...new Set(references)].filter((reference) => resolve(document, reference) === undefined);
}

function pathTroubles(document: OpenApiDocument, path: string, method: string, operation: Operation): string[] {
  const parameters = (operation.parameters ?? []).map((parameter) => parameterOf(document, parameter));
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return [
    ...(path.startsWith('/') ? [] : ['the path does not start with a slash']),
    ...(METHODS.includes(method) ? [] : ['no such method']),
    ...(named.join() === inPath.map(({ name }) => name).join() ? [] : ['path and its parameters differ']),
    ...inPath.filter((parameter) => parameter.required !== true).map(({ name }) => `${name} is not required`),
    ...duplicates(parameters.map((parameter) => `${parameter.in} ${parameter.name}`)).map((name) => `${name} twice`),
  ];
}

function responseTroubles({ responses, requestBody }: Operation): string[] {
  const types = [requestBody, ...Object.values(responses)].flatMap((part) => Object.keys(part?.content ?? {}));
  return [
    ...(Object.keys(responses).some((status) => /^[23]\d\d$/.test(status)) ? [] : ['it never succeeds']),
    ...Object.keys(responses)
      .filter((status) => !/^[1-5]\d\d$/.test(status))
      .map((status) => `${status} is no status`),
    ...Object.entries(responses)
      .filter(([, { description }]) => !description)
      .map(([status]) => `${status} has no description`),
    ...types.filter((type) => !MEDIA_RANGE.test(type)).map((type) => `${type} is no media type`),
  ];
}

const securityTroubles = ({ components }: OpenApiDocument, { security }: Operation): string[] =>
  security
    .flatMap((alternative) => Object.keys(alternative))
    .filter((scheme) => !(scheme in components.securitySchemes));

const parameterOf = (document: OpenApiDocument, parameter: Parameter | Reference): Parameter =>
  '$ref' in parameter ? (resolve(document, parameter.$ref) as Parameter) : parameter;

/** What `#/a/b` names, or undefined. */
const resolve = (document: OpenApiDocument, reference: string): unknown =>
  reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], document);

const duplicates = (names: string[]): string[] => names.filter((name, at) => names.indexOf(name) !== at);
