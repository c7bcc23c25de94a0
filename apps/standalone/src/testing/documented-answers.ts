import { exchange, type HttpAnswer } from '@berth/testing';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Schema = Record<string, unknown>;
interface DocumentedResponse {
  headers?: Record<string, unknown>;
  content?: Record<string, { schema?: Schema; examples?: Record<string, { value: unknown }> }>;
}
interface OpenApiDocument {
  paths: Record<string, Record<string, { responses: Record<string, DocumentedResponse> }>>;
  components: { schemas: Record<string, Schema>; headers: Record<string, { schema: Schema }> };
}
interface Template {
  path: string;
  pattern: RegExp;
  literals: number;
}

/** Of paths, what the document has in one spelling. */
const SPELLINGS: [RegExp, string][] = [
  [/\/(?:repos|repositories)\//g, '/(?:repos|repositories)/'],
  [/\/accelerator$/, '/accelerators?'],
];
/** They may hold slashes. */
const LONG_NAMES = ['name', 'repository'];
const METHOD_UNKNOWN = 405;

/** Holds answers against the OpenAPI document that the registry serves: statuses, headers, media types, bodies, error codes. */
export class DocumentedAnswers {
  private static readonly known = new Map<string, Promise<DocumentedAnswers>>();
  private readonly templates: Template[];
  private readonly ajv: Ajv2020;
  private readonly validators = new Map<object, ValidateFunction>();

  private constructor(private readonly document: OpenApiDocument) {
    this.templates = Object.keys(document.paths).map(templateOf);
    this.ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
    addFormats.default(this.ajv);
    this.ajv.addVocabulary(['components']);
    this.ajv.addSchema({ $id: 'document', components: { schemas: closed(document.components.schemas) } });
  }

  /** Of the registry at `address`, whose document is read once. */
  static at(address: string): Promise<DocumentedAnswers> {
    const known = this.known.get(address) ?? this.read(address);
    this.known.set(address, known);
    return known;
  }

  private static async read(address: string): Promise<DocumentedAnswers> {
    const answer = await exchange({ method: 'GET', url: `${address}/openapi.json` });
    return new DocumentedAnswers(answer.expect(200).json<OpenApiDocument>());
  }

  /** The answer, where it is as the document says; else a failure that tells what of it is not. */
  hold(method: string, target: string, answer: HttpAnswer): HttpAnswer {
    const troubles = this.troublesOf(method, target.split('?')[0]!, answer);
    if (troubles.length === 0) return answer;
    const what = troubles.map((trouble) => `- ${trouble}`).join('\n');
    throw new Error(
      `${method} ${target}: ${answer.status} is not as documented:\n${what}\n${answer.text.slice(0, 2000)}`,
    );
  }

  private troublesOf(method: string, path: string, answer: HttpAnswer): string[] {
    const template = this.templates
      .filter(({ pattern }) => pattern.test(path))
      .sort((a, b) => b.literals - a.literals)[0];
    if (template === undefined) return answer.status === 404 ? [] : ['there is no such path'];
    const operation = this.document.paths[template.path]![method.toLowerCase()];
    if (operation === undefined) return answer.status === METHOD_UNKNOWN ? [] : ['there is no such method'];
    const response = operation.responses[answer.status];
    if (response === undefined) return [`the status is not one of ${Object.keys(operation.responses).join(', ')}`];
    return [...this.headerTroubles(response, answer), ...this.bodyTroubles(response, answer)];
  }

  /** A header that the document knows is there where it is promised alone; the request's id is there always. */
  private headerTroubles({ headers: promised = {} }: DocumentedResponse, answer: HttpAnswer): string[] {
    return Object.entries(this.document.components.headers).flatMap(([name, { schema }]) => {
      const value = answer.header(name);
      if (value === undefined) return name === 'X-Request-Id' ? [`${name} is missing`] : [];
      if (!(name in promised)) return [`${name} is not promised`];
      return this.schemaTroubles(schema, schema['type'] === 'integer' ? Number(value) : value, name);
    });
  }

  private bodyTroubles({ content }: DocumentedResponse, answer: HttpAnswer): string[] {
    if (content === undefined) return answer.text === '' ? [] : ['there is a body'];
    const type = answer.header('content-type')?.split(';')[0] ?? 'none';
    const media = content[type] ?? content['*/*'];
    if (media === undefined) return [`${type} is not one of ${Object.keys(content).join(', ')}`];
    if (type !== 'application/json' || !content[type]) return [];
    const body = answer.json<unknown>();
    const codes = Object.values(media.examples ?? {}).map(({ value }) => codeIn(value));
    return [
      ...this.schemaTroubles(media.schema!, body, 'body'),
      ...(codes.length === 0 || codes.includes(codeIn(body))
        ? []
        : [`${codeIn(body)} is not one of ${codes.join(', ')}`]),
    ];
  }

  private schemaTroubles(schema: Schema, value: unknown, what: string): string[] {
    let validate = this.validators.get(schema);
    if (!validate) this.validators.set(schema, (validate = this.ajv.compile(closed(schema))));
    if (validate(value)) return [];
    return validate.errors!.map(
      ({ instancePath, message, params }) => `${what}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
}

/** The same schema, by which an object has the properties that it names and no others. */
function closed<Part>(schema: Part): Part {
  const isObject = (part: unknown): part is Schema => typeof part === 'object' && part !== null && !Array.isArray(part);
  const text = JSON.stringify(schema, (key, part: unknown) => {
    if (key === '$ref') return `document${part as string}`;
    if (!isObject(part) || !isObject(part['properties']) || part['type'] !== 'object') return part;
    return { additionalProperties: false, ...part };
  });
  return JSON.parse(text) as Part;
}

/** Of the registry's envelope, or of the management API's. */
function codeIn(body: unknown): string | undefined {
  const { error_code: code, errors } = body as { error_code?: string; errors?: { code?: string }[] };
  return code ?? errors?.[0]?.code;
}

function templateOf(path: string): Template {
  const spelled = SPELLINGS.reduce((text, [one, all]) => text.replace(one, all), path.replaceAll('.', '\\.'));
  const pattern = spelled.replace(/\{(\w+)\}/g, (_, name: string) => (LONG_NAMES.includes(name) ? '.+' : '[^/]+'));
  return { path, pattern: new RegExp(`^${pattern}$`), literals: path.replace(/\{\w+\}/g, '').length };
}
