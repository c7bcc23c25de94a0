import { CREATE_REPOSITORY, DELETE_REPOSITORY, MAX_REPOSITORY_DESCRIPTION, UPDATE_REPOSITORY } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import type { RepositoryName } from '@berth/oci';
import { CATEGORIES, type Category, DEFAULT_CATEGORY, parseNewRepository, SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { IsBoolean, IsIn, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import type { ManagementRequest } from './management-request.js';
import { bodyOf } from './request-body.js';

/** PostgreSQL keeps no NUL, and half of a surrogate pair is no character. */
const STORABLE = /^[^\0\p{Surrogate}]*$/u;

/** What clients say about a repository; `null` is as good as nothing. */
class RepositoryAttributesBody {
  @IsOptional()
  @IsBoolean({ context: { error: 'VISIBILITY_INVALID' } })
  is_public?: boolean | null;

  @IsOptional()
  @IsIn(CATEGORIES)
  category?: Category | null;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_REPOSITORY_DESCRIPTION, { context: { error: 'DESCRIPTION_TOO_LONG' } })
  @Matches(STORABLE, { message: 'description has characters that cannot be stored' })
  description?: string | null;
}

class NewRepository extends RepositoryAttributesBody {
  @IsString({ context: { error: 'REPOSITORY_NAME_INVALID' } })
  repository!: string;
}

interface NamedOrganisation {
  organisation: string;
}
interface NamedRepository {
  repository: RepositoryName;
}

/** `namespaces/{namespace}/repos`: repositories are made, changed and deleted. */
@Injectable()
export class RepositoryRoutes {
  constructor(private readonly bus: MessageBus) {}

  async create({ actor, body, reply }: ManagementRequest, { organisation }: NamedOrganisation): Promise<void> {
    const given = bodyOf(NewRepository, body);
    if (typeof given.is_public !== 'boolean') throw new SwrError('FIELD_MISSING', 'is_public is missing');
    await this.bus.request(CREATE_REPOSITORY, {
      repository: parseNewRepository(organisation, given.repository),
      isPublic: given.is_public,
      category: given.category ?? DEFAULT_CATEGORY,
      description: given.description ?? '',
      creatorId: actor.userId,
    });
    await reply.status(201).send({});
  }

  /** What is not given stays as it is. */
  async update({ body, reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    const given = bodyOf(RepositoryAttributesBody, body);
    const change = {
      ...(typeof given.is_public === 'boolean' && { isPublic: given.is_public }),
      ...(typeof given.category === 'string' && { category: given.category }),
      ...(typeof given.description === 'string' && { description: given.description }),
    };
    if (Object.keys(change).length === 0) {
      throw new SwrError('FIELD_MISSING', 'one of is_public, category and description is needed');
    }
    await this.bus.request(UPDATE_REPOSITORY, { repository, ...change });
    await reply.status(201).send({});
  }

  async delete({ reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    await this.bus.request(DELETE_REPOSITORY, { repository });
    await reply.status(204).send();
  }
}
