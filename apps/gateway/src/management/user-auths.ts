import { type GrantedPermission, MAX_PERMISSIONS_AT_ONCE, type UserPermissionV1 } from '@berth/contracts';
import { parseWireId, SwrError, wireId } from '@berth/swr';
import { IsIn, IsString, Matches, MaxLength } from 'class-validator';
import { bodiesOf, textsOf } from './request-body.js';
import { STORABLE } from './storable.js';

class GrantedAuth {
  @IsString({ context: { error: 'USER_INVALID' } })
  user_id!: string;

  @IsString({ context: { error: 'USER_INVALID' } })
  @MaxLength(256, { context: { error: 'USER_INVALID' } })
  @Matches(STORABLE, { context: { error: 'USER_INVALID' } })
  user_name!: string;

  @IsIn([7, 3, 1], { context: { error: 'PERMISSION_INVALID' } })
  auth!: 7 | 3 | 1;
}

/** The body of a change of permissions: users, each once, with what they may do. */
export function grantedAuthsOf(body: Buffer): GrantedPermission[] {
  const granted = bodiesOf(GrantedAuth, body, MAX_PERMISSIONS_AT_ONCE);
  const permissions = granted.map(({ user_id, user_name: userName, auth }) => ({
    userId: userIdOf(user_id),
    userName,
    auth,
  }));
  distinct(permissions.map(({ userId }) => userId));
  return permissions;
}

/** The body that takes permissions away: ids of users, each once. */
export const userIdsOf = (body: Buffer): string[] => distinct(textsOf(body, MAX_PERMISSIONS_AT_ONCE).map(userIdOf));

export const shownAuth = ({ userId, userName, auth }: UserPermissionV1) => ({
  user_id: wireId(userId),
  user_name: userName,
  auth,
});

function userIdOf(text: string): string {
  const userId = parseWireId(text);
  if (userId === null) throw new SwrError('USER_INVALID');
  return userId;
}

function distinct(userIds: string[]): string[] {
  if (new Set(userIds).size < userIds.length) throw new SwrError('USER_INVALID', 'a user is named twice');
  return userIds;
}
