export { ALL_BUT_DATE } from './all-but-date.js';
export { eventually, GiveUp, type EventuallyOptions } from './eventually.js';
export { commandOf, recordUse, type RecordedProgram } from './client-record.js';
export { LEFTOVER_ROWS } from './leftover-rows.js';
export { firstReason, missingLine, requireOrSkip, whereProvided } from './missing.js';
export { CommandFailed, runCommand, tryCommand, type CommandResult, type RunOptions } from './run-command.js';
export { tempFolder, type TempFolder } from './temp-folder.js';
export { findBuildkitd, startBuildkitd, type BuildkitdOptions, type TestBuildkitd } from './servers/buildkitd.js';
export { findContainerd, startContainerd, type TestContainerd } from './servers/containerd.js';
export { type DockerRegistryOptions, startDockerRegistry, type TestDockerRegistry } from './servers/docker-registry.js';
export { findDockerd, startDockerd, type DockerdOptions, type TestDockerd } from './servers/dockerd.js';
export { findProgram, programAt, programCache, requireProgram, type Found } from './servers/find-program.js';
export { freePort } from './servers/free-port.js';
export { findMinio, startMinio, type TestMinio } from './servers/minio.js';
export { contentOf, copyBucket, hasObject, type BucketContent } from './servers/minio-content.js';
export { startNats, type NatsOptions, type TestNats } from './servers/nats.js';
export {
  startPostgres,
  startStandby,
  type PostgresOptions,
  type TestPostgres,
  type TestStandby,
} from './servers/postgres.js';
export {
  childrenOf,
  descendantsOf,
  processExists,
  stillRunning,
  type ProcessIdentity,
} from './servers/process-tree.js';
export { ServerProcess, type ServerCommand } from './servers/server-process.js';
export { ServiceProcess, type ServiceLogLine } from './servers/service-process.js';
export { startTcpGate, type TcpGate } from './servers/tcp-gate.js';
export { tarArchive, type TarEntry } from './images/tar-archive.js';
export { blobOf, descriptorOf, digestOf, MEDIA_TYPE, randomBlob, type Blob, type Descriptor } from './images/blob.js';
export {
  anImage,
  anIndex,
  blobsOf,
  findBusybox,
  thisPlatform,
  type Image,
  type ImageOptions,
  type Index,
  type Platform,
} from './images/image.js';
export {
  allContent,
  dockerArchive,
  layoutFiles,
  readDirLayout,
  readOciLayout,
  writeDirLayout,
  writeOciLayout,
} from './images/image-files.js';
export { aManifest, EMPTY_CONFIG, jsonManifest, type Manifest, type ManifestOptions } from './images/manifest.js';
export { exchange, exchangeBytes, HttpAnswer, type HttpRequest } from './registry-client/http-exchange.js';
export { RegistryClient, type CallOptions, type PulledImage } from './registry-client/registry-client.js';
export {
  basic,
  claimsOf,
  parseChallenge,
  requestToken,
  type Challenge,
  type Credentials,
  type TokenRequest,
} from './registry-client/token-flow.js';
export { UploadSession, type PushForm } from './registry-client/upload-session.js';
export { Buildah, findBuildah } from './clients/buildah.js';
export { Buildctl, type Build, type BuildResult } from './clients/buildctl.js';
export { ClientProgram } from './clients/client-program.js';
export { Cosign, findCosign, type SignatureScheme } from './clients/cosign.js';
export { Crane, findCrane } from './clients/crane.js';
export { Ctr } from './clients/ctr.js';
export { Docker, dockerClients, type DockerClient } from './clients/docker.js';
export { findHelm, Helm, type Chart } from './clients/helm.js';
export { findPythonClients, Oras, type ArtifactPush, type OrasAuth } from './clients/oras.js';
export { findPodman, Podman } from './clients/podman.js';
export { findRegctl, Regctl } from './clients/regctl.js';
export { findSkopeo, Skopeo, type CopyOptions } from './clients/skopeo.js';
export { findZb, runZb, type ZbOptions, type ZbTest } from './clients/zb.js';
