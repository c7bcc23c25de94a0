import { REGISTRY_ERRORS, type RegistryErrorCode } from '@berth/oci';
import { SWR_ERRORS, swrErrorBody, type SwrErrorName } from '@berth/swr';
import type { Answer, EndpointDocumentation, ErrorCase, HeaderName, NarrowedError } from './endpoint-documentation.js';
import type { Operation, Parameter, Reference, Response } from './openapi-document.js';

/** A catalogue of errors, and what their bodies are. */
export interface ErrorDialect<Code extends string> {
  rowOf(code: Code): { status: number; message: string };
  /** What clients compare, besides the status. */
  shownAs(code: Code): string;
  example(code: Code): unknown;
  schema: string;
}

export const REGISTRY_DIALECT: ErrorDialect<RegistryErrorCode> = {
  rowOf: (code) => REGISTRY_ERRORS[code],
  shownAs: (code) => code,
  example: (code) => ({ errors: [{ code, message: REGISTRY_ERRORS[code].message }] }),
  schema: 'Errors',
};

export const MANAGEMENT_DIALECT: ErrorDialect<SwrErrorName> = {
  rowOf: (code) => SWR_ERRORS[code],
  shownAs: (code) => SWR_ERRORS[code].code,
  example: (code) => swrErrorBody(SWR_ERRORS[code]),
  schema: 'ManagementErrors',
};

/** Where an operation stands and what it needs: known by its route, not by its documentation. */
export interface OperationFrame<Code extends string = RegistryErrorCode> {
  id: string;
  tag: string;
  method: string;
  /** Identifier of the spec. */
  spec?: string;
  pathParameters: string[];
  /** Headers of every answer. */
  headers: HeaderName[];
  /** Errors of every endpoint of its kind; those of its documentation come before. */
  errors: ErrorCase<Code>[];
  dialect: ErrorDialect<Code>;
  security: Operation['security'];
}

export function buildOperation<Code extends string>(
  frame: OperationFrame<Code>,
  documentation: EndpointDocumentation<Code>,
): Operation {
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

function responses<Code extends string>(
  { method, headers, errors, dialect }: OperationFrame<Code>,
  documentation: EndpointDocumentation<Code>,
) {
  const answers = Object.entries(documentation.answers).map(([status, answer]) => [status, answer] as const);
  const failures = answersOfErrors([...documentation.errors, ...errors], {
    ...dialect,
    schema: documentation.errorSchema ?? dialect.schema,
  });
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
function answersOfErrors<Code extends string>(
  cases: ErrorCase<Code>[],
  dialect: ErrorDialect<Code>,
): [string, Answer][] {
  const byStatus = new Map<number, Map<Code, NarrowedError<Code>>>();
  for (const one of cases) {
    const error: NarrowedError<Code> = typeof one === 'string' ? { code: one } : one;
    const status = error.status ?? dialect.rowOf(error.code).status;
    const codes = byStatus.get(status) ?? new Map<Code, NarrowedError<Code>>();
    if (!codes.has(error.code)) byStatus.set(status, codes.set(error.code, error));
  }
  return [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, codes]) => [String(status), failure([...codes.values()], dialect)]);
}

function failure<Code extends string>(errors: NarrowedError<Code>[], dialect: ErrorDialect<Code>): Answer {
  const meaning = ({ code, when }: NarrowedError<Code>) => when ?? dialect.rowOf(code).message;
  return {
    description: errors.map((error) => `${dialect.shownAs(error.code)}: ${meaning(error)}.`).join(' '),
    headers: errors.flatMap((error) => error.headers ?? []),
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${dialect.schema}` },
        examples: Object.fromEntries(errors.map(({ code }) => [code, { value: dialect.example(code) }])),
      },
    },
  };
}

const reference = (kind: 'headers' | 'parameters', name: string): Reference => ({
  $ref: `#/components/${kind}/${name}`,
});
