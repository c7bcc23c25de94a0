import { REGISTRY_ERRORS, type RegistryErrorCode } from '@berth/oci';
import type { Answer, EndpointDocumentation, ErrorCase, HeaderName, NarrowedError } from './endpoint-documentation.js';
import type { Operation, Parameter, Reference, Response } from './openapi-document.js';

/** Where an operation stands and what it needs: known by its route, not by its documentation. */
export interface OperationFrame {
  id: string;
  tag: string;
  method: string;
  /** Identifier of the spec. */
  spec?: string;
  pathParameters: string[];
  /** Headers of every answer. */
  headers: HeaderName[];
  /** Errors of every endpoint of its kind; those of its documentation come before. */
  errors: ErrorCase[];
  security: Operation['security'];
}

export function buildOperation(frame: OperationFrame, documentation: EndpointDocumentation): Operation {
  const { summary, body } = documentation;
  const description = [documentation.description, frame.spec && `Spec: ${frame.spec}.`].filter(Boolean).join(' ');
  const parameters: (Parameter | Reference)[] = [
    ...frame.pathParameters.map((name) => reference('parameters', name)),
    ...(documentation.parameters ?? []),
  ];
  return {
    operationId: frame.id,
    tags: [frame.tag],
    summary,
    ...(description && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: responses(frame, documentation),
    security: frame.security,
  };
}

function responses({ method, headers, errors }: OperationFrame, documentation: EndpointDocumentation) {
  const answers = Object.entries(documentation.answers).map(([status, answer]) => [status, answer] as const);
  const failures = answersOfErrors([...documentation.errors, ...errors], documentation.errorSchema ?? 'Errors');
  return Object.fromEntries(
    [...answers, ...failures].map(([status, answer]) => [status, response(answer, headers, method !== 'HEAD')]),
  );
}

function response({ description, headers = [], content }: Answer, always: HeaderName[], hasBody: boolean): Response {
  const names = [...new Set([...headers, ...always])];
  return {
    description,
    headers: Object.fromEntries(names.map((name) => [name, reference('headers', name)])),
    ...(content && hasBody && { content }),
  };
}

/** One answer for each status, which names its codes and when they come; a code's first case counts. */
function answersOfErrors(cases: ErrorCase[], schema: string): [string, Answer][] {
  const byStatus = new Map<number, Map<RegistryErrorCode, NarrowedError>>();
  for (const one of cases) {
    const error = typeof one === 'string' ? { code: one } : one;
    const status = error.status ?? REGISTRY_ERRORS[error.code].status;
    const codes = byStatus.get(status) ?? new Map<RegistryErrorCode, NarrowedError>();
    if (!codes.has(error.code)) byStatus.set(status, codes.set(error.code, error));
  }
  return [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, codes]) => [String(status), failure([...codes.values()], schema)]);
}

function failure(errors: NarrowedError[], schema: string): Answer {
  const meaning = ({ code, when }: NarrowedError) => when ?? REGISTRY_ERRORS[code].message;
  const example = ({ code }: NarrowedError) => ({ errors: [{ code, message: REGISTRY_ERRORS[code].message }] });
  return {
    description: errors.map((error) => `${error.code}: ${meaning(error)}.`).join(' '),
    headers: errors.flatMap((error) => error.headers ?? []),
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${schema}` },
        examples: Object.fromEntries(errors.map((error) => [error.code, { value: example(error) }])),
      },
    },
  };
}

const reference = (kind: 'headers' | 'parameters', name: string): Reference => ({
  $ref: `#/components/${kind}/${name}`,
});
