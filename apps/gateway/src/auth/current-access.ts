import { AUTHORIZE, type AuthorizedV1, type AuthorizeV1, type Identity } from '@berth/contracts';
import { MessageBus } from '@berth/messaging';
import { RegistryError, type RepositoryName } from '@berth/oci';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AccessChanges, repositorySubjects, userSubject } from './access-changes.js';

const ANSWERS_REMEMBERED = 20_000;
const EVERY_ACTION = ['*'];

interface Remembered {
  answer: Promise<AuthorizedV1>;
  /** The latest change that was known when it was asked. */
  change: number;
  until: number;
}

/**
 * What auth says now of somebody, for whom nothing else can be believed. Answers, refusals too, are remembered until a
 * change of what they depend on, and for BERTH_BASIC_SECONDS at most. Answers of one `memory` are shared.
 */
@Injectable()
export class CurrentAccess {
  private readonly remembered = new LRUCache<string, Remembered>({ max: ANSWERS_REMEMBERED });

  constructor(
    private readonly bus: MessageBus,
    private readonly settings: Settings,
    private readonly changes: AccessChanges,
  ) {}

  /** UNAUTHORIZED where the user is disabled, or its credential is not good any more. */
  async confirm(identity: Identity, memory: string): Promise<void> {
    await this.ask(memory, subjectsOf(identity), { identity, scopes: [] });
  }

  /** What the user, or without one anybody, may do there now. UNAUTHORIZED as with `confirm`. */
  async actions(
    identity: Identity | undefined,
    repository: RepositoryName,
    memory: string,
  ): Promise<ReadonlySet<string>> {
    const subjects = [...subjectsOf(identity), ...repositorySubjects(repository)];
    const scopes = [{ type: 'repository', name: repository, actions: EVERY_ACTION }];
    const { access } = await this.ask(`${memory} ${repository}`, subjects, { ...(identity && { identity }), scopes });
    return new Set(access.flatMap(({ actions }) => actions));
  }

  private ask(id: string, subjects: string[], question: AuthorizeV1): Promise<AuthorizedV1> {
    const change = this.changes.latest(subjects);
    const known = this.remembered.get(id);
    if (known && known.change >= change && known.until > Date.now()) return known.answer;
    const answer = this.bus.request(AUTHORIZE, question);
    const asked = { answer, change, until: Date.now() + this.settings.basicSeconds * 1000 };
    this.remembered.set(id, asked);
    answer.catch((error: unknown) => {
      const isAnswer = error instanceof RegistryError && error.code === 'UNAUTHORIZED';
      if (!isAnswer && this.remembered.peek(id) === asked) this.remembered.delete(id);
    });
    return answer;
  }
}

const subjectsOf = (identity: Identity | undefined): string[] => (identity ? [userSubject(identity.userId)] : []);
