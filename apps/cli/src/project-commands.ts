import type { CommandSpec, Option } from './command-spec.js';
import type { Project } from './directory.js';
import type { Fields } from './output.js';

const IN_ACCOUNT: Record<string, Option> = {
  account: { value: 'NAME', summary: "the project's account; without it one's own, of the operator the first" },
};

export const PROJECT_COMMANDS: CommandSpec[] = [
  {
    noun: 'project',
    verb: 'create',
    summary: 'makes a project of an account',
    subject: 'NAME',
    options: IN_ACCOUNT,
    run: async ({ subject: name, directory, text }) => {
      const { id: domain_id } = await directory.account(text('account'));
      const body = { project: { name, domain_id } };
      const { project } = await directory.client.request<{ project: Project }>('POST', '/v3/projects', body);
      return shown(project);
    },
  },
  {
    noun: 'project',
    verb: 'list',
    summary: 'lists the projects of an account',
    options: IN_ACCOUNT,
    run: async ({ directory, text }) => {
      const { id } = await directory.account(text('account'));
      return (await directory.projects(id)).map(shown);
    },
  },
];

const shown = ({ id, name, domain_id }: Project): Fields => ({ project: name, project_id: id, domain_id });
