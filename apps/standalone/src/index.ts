export { DataFolder, holderOf, secretKeyOf } from './data-folder.js';
export { EmbeddedPostgres } from './embedded-postgres.js';
export { generatePassword, isFirstStart } from './first-start.js';
export { type RegistryOnFolder, startOnFolder } from './registry-on-folder.js';
export { startIdentity } from './standalone.js';
