import type { SwrErrorName } from '@berth/swr';
import type { DockyardMethods } from '../management/dockyard.controller.js';
import type { Answer, EndpointDocumentation, ErrorCase } from './endpoint-documentation.js';
import { MANAGEMENT_DOCUMENTATION, MANAGEMENT_ERRORS_OF_ALL } from './management-documentation.js';

/** Of every endpoint that Harbor replicates by. */
export const DOCKYARD_ERRORS_OF_ALL: ErrorCase<SwrErrorName>[] = [
  { code: 'CREDENTIALS_MISSING', headers: ['WWW-Authenticate'] },
  { code: 'TOKEN_INVALID', when: 'name and password are wrong, or not Basic', headers: ['WWW-Authenticate'] },
  ...MANAGEMENT_ERRORS_OF_ALL.filter((error) => error !== 'SIGNATURE_INVALID'),
];

type DockyardDocumentation = {
  [Path in keyof DockyardMethods]: Record<DockyardMethods[Path], EndpointDocumentation<SwrErrorName>>;
};

const answer = (description: string, schema: string): Record<200, Answer> => ({
  200: { description, content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } } },
});
const LIST = answer('The list; empty where there is none.', 'CountedNamespaceList');
const { GET: REPOSITORIES } = MANAGEMENT_DOCUMENTATION.repositories;

/** What the document says about each endpoint below `/dockyard/v2`. One that a path has and this has not does not compile. */
export const DOCKYARD_DOCUMENTATION: DockyardDocumentation = {
  '/dockyard/v2/visible/namespaces': {
    GET: {
      summary: 'Lists the organisations that the user sees, those too where only a repository is granted.',
      answers: LIST,
      errors: [],
    },
  },
  '/dockyard/v2/namespaces': {
    GET: { summary: 'Lists the organisations that the user sees, by name.', answers: LIST, errors: [] },
    POST: MANAGEMENT_DOCUMENTATION.organisations.POST,
  },
  '/dockyard/v2/namespaces/{namespace}': {
    GET: {
      summary: 'Shows an organisation: its fields, and the same as a list of one.',
      description: 'One that the user does not see is no error: the list is empty, and the fields are missing.',
      answers: answer('The organisation, or none.', 'CountedNamespaceOrNone'),
      errors: [],
    },
  },
  '/dockyard/v2/repositories': {
    GET: {
      ...REPOSITORIES,
      description: 'With the 1,000 tags of each that changed last, and 1,000 repositories where `limit` is missing.',
      parameters: REPOSITORIES.parameters!.map((one) =>
        one.name === 'center' ? { ...one, description: 'Only `self` is here.', schema: { enum: ['self'] } } : one,
      ),
    },
  },
};
