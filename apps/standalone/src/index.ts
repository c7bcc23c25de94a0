export { EmbeddedPostgres } from './embedded-postgres.js';
export { generatePassword, isFirstStart } from './first-start.js';
