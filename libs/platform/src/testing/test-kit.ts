/* eslint-disable @nx/enforce-module-boundaries -- this folder is the spec files': it is not built */
// The test kit may come to depend on this library: an edge to it would then be a cycle in Nx's task graph.
// nx-ignore-next-line
export {
  eventually,
  findProgram,
  freePort,
  type NatsOptions,
  requireOrSkip,
  ServiceProcess,
  startNats,
  startTcpGate,
  tempFolder,
  type TcpGate,
  type TestNats,
} from '@berth/testing';
