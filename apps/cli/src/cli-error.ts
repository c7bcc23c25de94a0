/** What the command ends with: one sentence for people, and exit status 1. */
export class CliError extends Error {}
