import type { IssueIamTokenV1 } from '@berth/contracts';
import { parseWireId } from '@berth/swr';
import { invalidBody, jsonOf, objectIn, textIn } from './json-body.js';

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
  if (scope['project'] === undefined) return { ...names, scope: 'account' };
  const project = objectIn(scope, 'project');
  if (project['id'] === undefined) {
    return { ...names, scope: 'project', projectName: textIn(project, 'name', LONGEST_NAME) };
  }
  const projectId = parseWireId(textIn(project, 'id', LONGEST_NAME));
  if (projectId === null) throw invalidBody();
  return { ...names, scope: 'project', projectId };
}
