import type { CommandSpec } from './command-spec.js';
import type { Fields } from './output.js';

const PATH = '/v2/manage/garbage/reconcile';

interface Task extends Fields {
  task: string;
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

/** Garbage collection, as an operator sees it. */
export const GARBAGE_COMMANDS: CommandSpec[] = [
  {
    noun: 'gc',
    verb: 'status',
    summary: 'how far rows and objects are compared and objects hashed, and whether that waits for you',
    options: {},
    run: async ({ directory }) => (await directory.client.request<State>('GET', PATH)).tasks,
  },
  {
    noun: 'gc',
    verb: 'quarantine',
    summary: 'lists the blobs whose object is missing or damaged: push them again',
    options: {},
    run: async ({ directory }) => {
      const { blobs } = await directory.client.request<State>('GET', PATH);
      return blobs.map(({ repositories, ...blob }) => ({ ...blob, repositories: repositories.join(' ') }));
    },
  },
  {
    noun: 'gc',
    verb: 'confirm',
    summary: 'lets what is held go on, after gc status has shown why',
    options: {},
    run: async ({ directory }) => {
      const { tasks } = await directory.client.request<{ tasks: string[] }>('POST', `${PATH}/confirm`, {});
      return tasks.map((task) => ({ task, confirmed: true }));
    },
  },
];
