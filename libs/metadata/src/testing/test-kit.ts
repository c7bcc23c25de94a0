/* eslint-disable @nx/enforce-module-boundaries -- this folder is the spec files': it is not built */
// The test kit may come to depend on this library: an edge to it would then be a cycle in Nx's task graph.
// nx-ignore-next-line
export {
  aManifest,
  type CommandResult,
  eventually,
  findProgram,
  jsonManifest,
  MEDIA_TYPE,
  requireOrSkip,
  runCommand,
  startPostgres,
  tempFolder,
  tryCommand,
  type TestPostgres,
} from '@berth/testing';
