import { DELETE_MANIFEST, RETAG } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { isTag, RegistryError, type RepositoryName, type Tag } from '@berth/oci';
import { SwrError } from '@berth/swr';
import { Injectable } from '@nestjs/common';
import { IsBoolean, IsOptional, IsString } from 'class-validator';
import type { ManagementRequest } from './management-request.js';
import { bodyOf } from './request-body.js';

class NewTag {
  @IsString()
  source_tag!: string;

  @IsString()
  destination_tag!: string;

  @IsOptional()
  @IsBoolean()
  override?: boolean | null;
}

interface NamedRepository {
  repository: RepositoryName;
}

/** `namespaces/{namespace}/repos/{repository}/tags`: tags are added and deleted. */
@Injectable()
export class RepositoryTagRoutes {
  constructor(private readonly bus: MessageBus) {}

  /** Another tag for what a tag names. One that is there is moved with `override` alone. */
  async retag({ body, reply }: ManagementRequest, { repository }: NamedRepository): Promise<void> {
    const given = bodyOf(NewTag, body);
    await this.bus.request(RETAG, {
      repository,
      source: tagOf('source_tag', given.source_tag),
      destination: tagOf('destination_tag', given.destination_tag),
      override: given.override ?? false,
    });
    await reply.status(201).send({});
  }

  /** The tag alone, as the registry deletes it: what it named stays. */
  async delete({ reply }: ManagementRequest, { repository, tag }: NamedRepository & { tag: string }): Promise<void> {
    if (!isTag(tag)) throw new SwrError('TAG_UNKNOWN');
    try {
      await this.bus.request(DELETE_MANIFEST, { repository, reference: tag });
    } catch (error) {
      throw inThisDialect(error);
    }
    await reply.status(204).send();
  }
}

function tagOf(field: string, text: string): Tag {
  if (!isTag(text)) throw new SwrError('FIELD_INVALID', `${field} is not a tag`);
  return text;
}

function inThisDialect(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error;
  if (error.code === 'MANIFEST_UNKNOWN') return new SwrError('TAG_UNKNOWN');
  return error.code === 'NAME_UNKNOWN' ? new SwrError('REPOSITORY_UNKNOWN') : error;
}
