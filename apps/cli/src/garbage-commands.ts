import { CliError } from './cli-error.js';
import type { CommandContext, CommandSpec } from './command-spec.js';
import type { Fields } from './output.js';

const PATH = '/v2/manage';
const RECONCILE = `${PATH}/garbage/reconcile`;

/** As the management API has them. */
interface Task extends Fields {
  task: string;
  held: string | null;
}

interface Blob extends Omit<Fields, 'repositories'> {
  digest: string;
}

interface State {
  tasks: Task[];
  suspects: number;
  quarantined: number;
  orphans: number;
  blobs: (Blob & { repositories: string[] })[];
}

interface Policy {
  keep: boolean;
  after_seconds?: number;
}
interface Reason {
  kind: string;
  digest?: string;
  tags?: string[];
  until?: string;
  policy?: Policy;
  from?: string;
  more?: number;
  because?: Reason[];
}
interface Place {
  repository: string;
  kind: string;
  kept: boolean;
  goes_after: string | null;
  because: Reason[];
}
interface Explanation {
  size: number | null;
  damage: { state: string; first_seen: string; advice: string } | null;
  places: Place[];
  more: number;
  objects: { not_before: string; attempts: number; last_error: string | null; advice: string | null }[];
}
interface Going {
  repository: string;
  digest: string;
}
interface Plan {
  manifests: { count: number; bytes: number; shown: Going[] };
  links: { count: number; shown: Going[] };
  blobs: { count: number; bytes: number };
  objects: { count: number; bytes: number };
  complete: boolean;
}

/** Garbage collection, as an operator sees it; and why something is kept, as whoever may read it does. */
export const GARBAGE_COMMANDS: CommandSpec[] = [
  {
    noun: 'gc',
    verb: 'status',
    summary: 'how far rows and objects are compared and objects hashed, and whether that waits for you',
    options: {},
    run: async ({ directory }) => (await directory.client.request<State>('GET', RECONCILE)).tasks,
  },
  {
    noun: 'gc',
    verb: 'quarantine',
    summary: 'lists the blobs whose object is missing, damaged or unreadable: push them again',
    options: {},
    run: async ({ directory }) => {
      const { blobs } = await directory.client.request<State>('GET', RECONCILE);
      return blobs.map(({ repositories, ...blob }) => ({ ...blob, repositories: repositories.join(' ') }));
    },
  },
  {
    noun: 'gc',
    verb: 'confirm',
    summary: 'lets a task that is held, objects or scrub, go on, and says what was confirmed',
    subject: 'TASK',
    options: {},
    run: confirm,
  },
  {
    noun: 'gc',
    verb: 'explain',
    summary: 'says why a blob or a manifest is kept, or when it goes',
    subject: 'DIGEST',
    options: { repository: { value: 'ORGANISATION/NAME', summary: 'in this one only; in all is for the operator' } },
    run: explain,
  },
  {
    noun: 'gc',
    verb: 'plan',
    summary: 'says what a collection would remove now; nothing is changed',
    options: {},
    run: async ({ directory }) => planned(await directory.client.request<Plan>('GET', `${PATH}/garbage/plan`)),
  },
];

/** Of what is held now, as it is printed: what is held by the time that this arrives for something else goes on waiting. */
async function confirm({ directory, subject }: CommandContext): Promise<Fields[]> {
  const { client } = directory;
  const { tasks: shown } = await client.request<State>('GET', RECONCILE);
  const task = shown.find((one) => one.task === subject);
  if (!task) throw new CliError(`there is no task ${subject}, but ${shown.map((one) => one.task).join(' and ')}`);
  const { held } = task;
  if (held === null) return [];
  const { tasks } = await client.request<{ tasks: string[] }>('POST', `${RECONCILE}/confirm`, { task: subject, held });
  if (tasks.length === 0) throw new CliError(`${subject} is no longer held for that: look at it again (gc status)`);
  return [{ task: subject, confirmed: held }];
}

async function explain({ subject, text, directory }: CommandContext): Promise<Fields[]> {
  const repository = text('repository');
  const base = repository === undefined ? PATH : `${PATH}/${repositoryPath(repository)}`;
  const path = `${base}/garbage/explain?digest=${encodeURIComponent(subject)}`;
  const { size, damage, places, more, objects } = await directory.client.request<Explanation>('GET', path);
  const rows = [
    ...places.flatMap((place) => linesOf(place.because).map((why) => row(place, why))),
    ...(more > 0 ? [{ where: 'elsewhere', what: null, state: null, why: `and ${more} more places` }] : []),
    ...(damage ? [stored(damage.state, `since ${damage.first_seen}: ${damage.advice}`)] : []),
    ...objects.map(({ not_before: since, attempts, last_error: error, advice }) => {
      const former = size === null ? '' : 'a former object, the blob has another: ';
      const tried = attempts > 0 ? `, tried ${attempts} times: ${error ?? 'unanswered'}` : '';
      return stored('goes', `${former}is deleted after ${since}${tried}${advice === null ? '' : `: ${advice}`}`);
    }),
  ];
  if (rows.length === 0) {
    throw new CliError(`there is nothing of the digest ${subject} here: it was never pushed here, or it is gone`);
  }
  return rows;
}

const stored = (state: string, why: string): Fields => ({ where: 'object store', what: 'object', state, why });

const row = ({ repository, kind, kept, goes_after: after }: Place, why: string): Fields => ({
  where: repository,
  what: kind,
  state: kept ? 'kept' : after ? `goes after ${after}` : 'goes',
  why,
});

function repositoryPath(repository: string): string {
  const slash = repository.indexOf('/');
  if (slash < 1) throw new CliError('--repository must be ORGANISATION/NAME');
  const name = repository.slice(slash + 1).replaceAll('/', '$');
  return `namespaces/${encodeURIComponent(repository.slice(0, slash))}/repos/${encodeURIComponent(name)}`;
}

/** What something hangs on stands further in. */
const linesOf = (reasons: Reason[], depth = 0): string[] =>
  reasons.flatMap((reason) => ['  '.repeat(depth) + sentence(reason), ...linesOf(reason.because ?? [], depth + 1)]);

function sentence({ kind, digest, tags = [], until, policy, from, more }: Reason): string {
  const others = more ? `, and ${more} more` : '';
  switch (kind) {
    case 'tag':
      return `tag ${tags.join(', ')}${others}`;
    case 'lease':
    case 'grace':
      return `${kind} until ${until}`;
    case 'policy':
      return policy?.keep
        ? `policy of the ${from}: untagged manifests are kept`
        : `policy of the ${from}: untagged manifests go after ${policy?.after_seconds} seconds, this one after ${until}`;
    case 'due':
      return 'nothing needs it: its review is next';
    case 'unqueued':
      return 'nothing needs it, and it is in no queue';
    default:
      return `${kind} ${digest}${others}`;
  }
}

function planned({ manifests, links, blobs, objects, complete }: Plan): Fields[] {
  const named = (what: string, going: Going[]) =>
    going.map(({ repository, digest }) => ({ what, count: null, bytes: null, which: `${repository}@${digest}` }));
  return [
    { what: 'manifests', count: manifests.count, bytes: manifests.bytes, which: null },
    { what: 'links', count: links.count, bytes: null, which: null },
    { what: 'blobs', count: blobs.count, bytes: blobs.bytes, which: null },
    { what: 'objects queued', count: objects.count, bytes: objects.bytes, which: null },
    ...(complete ? [] : [{ what: 'more is due', count: null, bytes: null, which: null }]),
    ...named('manifest', manifests.shown),
    ...named('link', links.shown),
  ];
}
