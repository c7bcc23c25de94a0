import type { AccessLevel, Actor } from '@berth/contracts';
import type { FastifyReply } from 'fastify';

/** A request to the management API, authenticated and authorised, as its handlers get it. */
export interface ManagementRequest {
  actor: Actor;
  /** By what the actor was authenticated, where a credential of its own was it. */
  credential?: string;
  /** What the actor may do with the organisation that the path names; 0 where it names none. */
  organisationAuth: AccessLevel;
  /** What the actor may do with the repository that the path names; 0 where it names none. */
  repositoryAuth: AccessLevel;
  query: URLSearchParams;
  /** Empty where there was none. */
  body: Buffer;
  reply: FastifyReply;
}
