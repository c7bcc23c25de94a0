import type { IssueIamTokenV1 } from '@berth/contracts';
import { parseWireId } from '@berth/swr';
import { invalidBody, type JsonObject, jsonOf, objectIn, textIn } from './json-body.js';

/** Without where it comes from. */
export type PasswordRequest = Omit<IssueIamTokenV1, 'address'>;

const LONGEST_NAME = 256;
const LONGEST_PASSWORD = 4096;

/**
 * Reads the body of `POST /v3/auth/tokens`: a user's password, and a project or an account as the scope. Of both the
 * project counts; without any it is the account. 400 where it is anything else. Source: IAM API reference, "Obtaining a
 * User Token".
 */
export function parsePasswordRequest(bytes: Buffer): PasswordRequest {
  const auth = objectIn(jsonOf(bytes), 'auth');
  const identity = objectIn(auth, 'identity');
  const { methods } = identity;
  if (!Array.isArray(methods) || methods.length !== 1 || methods[0] !== 'password') throw invalidBody();
  const user = objectIn(objectIn(identity, 'password'), 'user');
  const names = {
    accountName: textIn(objectIn(user, 'domain'), 'name', LONGEST_NAME),
    userName: textIn(user, 'name', LONGEST_NAME),
    password: textIn(user, 'password', LONGEST_PASSWORD),
  };
  const scope = auth['scope'] === undefined ? {} : objectIn(auth, 'scope');
  if (scope['project'] === undefined) return { ...names, scope: 'account', ...accountIn(scope) };
  const project = objectIn(scope, 'project');
  const of = { ...names, scope: 'project', ...accountIn(project) } as const;
  if (project['id'] === undefined) return { ...of, projectName: textIn(project, 'name', LONGEST_NAME) };
  return { ...of, projectId: idIn(project) };
}

/** The account that `domain` names; nothing where it is missing. */
function accountIn(scope: JsonObject): Pick<PasswordRequest, 'scopeAccountId' | 'scopeAccountName'> {
  if (scope['domain'] === undefined) return {};
  const domain = objectIn(scope, 'domain');
  return {
    ...(domain['id'] !== undefined && { scopeAccountId: idIn(domain) }),
    ...(domain['name'] !== undefined && { scopeAccountName: textIn(domain, 'name', LONGEST_NAME) }),
  };
}

function idIn(object: JsonObject): string {
  const id = parseWireId(textIn(object, 'id', LONGEST_NAME));
  if (id === null) throw invalidBody();
  return id;
}
