import {
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  Min,
  MinLength,
} from 'class-validator';
import { IsAddressRange } from './address-range.js';
import { Setting } from './setting.js';

const HTTP_URL = { protocols: ['http', 'https'], require_tld: false, require_protocol: true };
/** RFC 3986 section 3.2, without user information. */
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;
const DAY = 86_400;
const MOST_REQUESTS = 1_000_000_000;
/** A quota counts up to itself each time. */
const MOST_COUNTED = 1_000_000;
/** Beyond it the dates that come of it are none that PostgreSQL knows. */
const TEN_YEARS = 3_650 * DAY;

/**
 * Every setting of every service, one class: a variable means the same in each process and in both modes. The table in
 * docs/configuration.md is checked against it.
 */
export class Settings {
  @Setting('BERTH_HOST', { type: 'text', default: '127.0.0.1', doc: 'Address the gateway listens on.' })
  @IsString()
  host!: string;

  @Setting('BERTH_PORT', { type: 'integer', default: '5000', doc: 'Port the gateway listens on; 0 takes a free one.' })
  @IsInt()
  @Min(0)
  @Max(65_535)
  port!: number;

  @Setting('BERTH_PUBLIC_URL', {
    type: 'text',
    doc: 'What clients reach the gateway by, behind a proxy: Location and the token realm start with it. Without it a Location is a path, and the realm follows the Host header.',
  })
  @IsOptional()
  @IsUrl(HTTP_URL)
  publicUrl?: string;

  @Setting('BERTH_TRUSTED_PROXIES', {
    type: 'list',
    doc: "Addresses and ranges (10.0.0.0/8) of the proxies in front, separated by commas: from them, and only for a client's address, X-Forwarded-For is believed.",
  })
  @IsOptional()
  @IsAddressRange({ each: true, message: 'each must be an address, or a range such as 10.0.0.0/8' })
  trustedProxies?: string[];

  @Setting('BERTH_RATE_LIMIT_USER', {
    type: 'integer',
    default: '0',
    doc: 'Requests to the registry that a user may make in a minute, at all gateways together; who is not logged in, or gives wrong credentials, counts by address. Beyond it: 429. 0: no limit.',
  })
  @IsInt()
  @Min(0)
  @Max(MOST_REQUESTS)
  rateLimitUser!: number;

  @Setting('BERTH_RATE_LIMIT_ADDRESS', {
    type: 'integer',
    default: '0',
    doc: 'Requests that may come from an address in a minute, logged in or not, logins included; of IPv6, from a /64 network. Beyond it: 429. 0: no limit.',
  })
  @IsInt()
  @Min(0)
  @Max(MOST_REQUESTS)
  rateLimitAddress!: number;

  @Setting('BERTH_LOGIN_FREE_TRIES', {
    type: 'integer',
    default: '5',
    doc: 'Wrong passwords that a name may have from an address before it waits, 1 second, then twice as long each time, up to 15 minutes; an address, or a name from new addresses, after ten times as many, up to a minute. Beyond it: 429. 0: nobody waits.',
  })
  @IsInt()
  @Min(0)
  @Max(1_000)
  loginFreeTries!: number;

  @Setting('BERTH_OPEN', {
    type: 'boolean',
    default: 'false',
    doc: 'No authentication, everybody may do everything: for a laptop or a benchmark. Refused unless the gateway listens on a loopback address.',
  })
  @IsBoolean()
  open!: boolean;

  @Setting('BERTH_OPEN_ANYWHERE', {
    type: 'boolean',
    default: 'false',
    doc: 'Insists on BERTH_OPEN on an address that is not loopback.',
  })
  @IsBoolean()
  openAnywhere!: boolean;

  @Setting('BERTH_INTERNAL_HOST', {
    type: 'text',
    default: '127.0.0.1',
    doc: 'Address of the internal port. Never expose it: it has metrics, and in storage the data plane.',
  })
  @IsString()
  internalHost!: string;

  @Setting('BERTH_INTERNAL_PORT', {
    type: 'integer',
    doc: 'Port for /livez, /readyz, /metrics and, in storage, the data plane; 0 takes a free one. Default: BERTH_PORT + 1.',
  })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(65_535)
  internalPort?: number;

  @Setting('BERTH_HTTP_HEADERS_SECONDS', {
    type: 'integer',
    default: '30',
    doc: 'How long a client may take to send the headers of a request; then 408.',
  })
  @IsInt()
  @Min(1)
  @Max(3_600)
  httpHeadersSeconds!: number;

  @Setting('BERTH_HTTP_IDLE_SECONDS', {
    type: 'integer',
    default: '120',
    doc: 'How long a client may neither send nor read what is its turn; then its connection ends. A slow transfer that goes on takes as long as it takes.',
  })
  @IsInt()
  @Min(1)
  @Max(DAY)
  httpIdleSeconds!: number;

  @Setting('BERTH_LOG_LEVEL', {
    type: 'text',
    default: 'info',
    doc: 'fatal, error, warn, info, debug, trace or silent.',
  })
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  logLevel!: string;

  @Setting('BERTH_OTLP_URL', {
    type: 'text',
    doc: 'Where traces are sent: a collector of OpenTelemetry, `http://collector:4318`, to whose `/v1/traces` JSON is posted. Without it there are no traces.',
  })
  @IsOptional()
  @IsUrl(HTTP_URL)
  otlpUrl?: string;

  @Setting('BERTH_TRACE_PERCENT', {
    type: 'integer',
    default: '100',
    doc: 'Of a hundred requests of clients so many are traced. The same in all services.',
  })
  @IsInt()
  @Min(1)
  @Max(100)
  tracePercent!: number;

  @Setting('BERTH_DRAIN_SECONDS', {
    type: 'integer',
    default: '0',
    doc: 'How long a process that was told to stop still takes and serves everything, with `Connection: close`: until what balances requests has heard of it. 2 on Kubernetes.',
  })
  @IsInt()
  @Min(0)
  @Max(3_600)
  drainSeconds!: number;

  @Setting('BERTH_SHUTDOWN_SECONDS', {
    type: 'integer',
    default: '30',
    doc: 'How long a stopping process then finishes what it has begun. Behind that it has 5 seconds to keep what arrived of uploads.',
  })
  @IsInt()
  @Min(0)
  @Max(DAY)
  shutdownSeconds!: number;

  @Setting('BERTH_DATA_DIR', {
    type: 'text',
    default: 'data',
    doc: 'Standalone: the folder of everything, database and blobs. Storage with filesystem blobs: the folder of the blobs.',
  })
  @IsString()
  dataDir!: string;

  @Setting('BERTH_ADMIN_PASSWORD', {
    type: 'text',
    secret: true,
    doc: 'Password of the user admin, taken at first start; without it one is generated and printed (standalone), or the start of auth is refused (distributed).',
  })
  @IsOptional()
  @MinLength(8)
  adminPassword?: string;

  @Setting('BERTH_SECRET_KEY', {
    type: 'text',
    secret: true,
    doc: 'Encrypts what auth keeps secret in the database; 32 characters at least, the same for every replica. Standalone generates one in its data folder.',
  })
  @IsOptional()
  @MinLength(32)
  secretKey?: string;

  @Setting('BERTH_DATABASE_URL', {
    type: 'text',
    secret: true,
    doc: 'postgresql://user:password@host:port/database. Standalone starts its own PostgreSQL without it.',
  })
  @IsOptional()
  @Matches(/^postgres(ql)?:\/\//, { message: 'must start with postgresql://' })
  databaseUrl?: string;

  @Setting('BERTH_DATABASE_POOL', { type: 'integer', default: '10', doc: 'Database connections of a process at most.' })
  @IsInt()
  @Min(1)
  @Max(1_000)
  databasePool!: number;

  @Setting('BERTH_NATS_URL', { type: 'list', doc: 'NATS servers, separated by commas. Standalone needs none.' })
  @IsOptional()
  @IsString({ each: true })
  @IsNotEmpty({ each: true })
  @Matches(/^[^@]*$/, {
    each: true,
    message: 'must not have a login in it: BERTH_NATS_USER and BERTH_NATS_PASSWORD are for that',
  })
  natsUrl?: string[];

  @Setting('BERTH_NATS_USER', { type: 'text', doc: 'User for NATS, where it asks for one.' })
  @IsOptional()
  @IsString()
  natsUser?: string;

  @Setting('BERTH_NATS_PASSWORD', { type: 'text', secret: true, doc: 'Password for NATS.' })
  @IsOptional()
  @IsString()
  natsPassword?: string;

  @Setting('BERTH_NATS_PREFIX', {
    type: 'text',
    doc: 'Goes before the name of every subject, queue group, stream and consumer: one for each installation, where several share a NATS. Letters, digits, `-` and `_`, 32 at most.',
  })
  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{1,32}$/, { message: 'must be up to 32 letters, digits, hyphens and underscores' })
  natsPrefix?: string;

  @Setting('BERTH_NATS_STREAM_REPLICAS', {
    type: 'integer',
    default: '1',
    doc: 'Copies of the event stream in a NATS cluster.',
  })
  @IsInt()
  @Min(1)
  @Max(5)
  natsStreamReplicas!: number;

  @Setting('BERTH_BLOB_STORE', {
    type: 'text',
    doc: 'filesystem (standalone default; one storage process) or s3 (distributed default; any number).',
  })
  @IsOptional()
  @IsIn(['filesystem', 's3'])
  blobStore?: 'filesystem' | 's3';

  @Setting('BERTH_S3_ENDPOINT', { type: 'text', doc: 'MinIO or any S3, as a URL.' })
  @IsOptional()
  @IsUrl(HTTP_URL)
  s3Endpoint?: string;

  @Setting('BERTH_S3_PUBLIC_ENDPOINT', {
    type: 'text',
    doc: 'What clients that are redirected reach the object store by, as http(s)://host:port. Default: BERTH_S3_ENDPOINT.',
  })
  @IsOptional()
  @Matches(/^https?:\/\/[^/?#@]+\/?$/, { message: 'must be http:// or https:// and a host, without a path' })
  s3PublicEndpoint?: string;

  @Setting('BERTH_S3_REGION', { type: 'text', default: 'us-east-1', doc: 'Region of the bucket.' })
  @IsString()
  s3Region!: string;

  @Setting('BERTH_S3_BUCKET', { type: 'text', default: 'berth', doc: 'Bucket of the blobs; made where it is missing.' })
  @Matches(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { message: 'must be a bucket name' })
  s3Bucket!: string;

  @Setting('BERTH_S3_ACCESS_KEY', { type: 'text', doc: 'Access key of the object store.' })
  @IsOptional()
  @IsString()
  s3AccessKey?: string;

  @Setting('BERTH_S3_SECRET_KEY', { type: 'text', secret: true, doc: 'Secret key of the object store.' })
  @IsOptional()
  @IsString()
  s3SecretKey?: string;

  @Setting('BERTH_DATA_PLANE_URL', {
    type: 'text',
    doc: 'What gateways reach this storage replica by, itself and no other. Default: its internal address and port; where it listens on every address, the first that is not loopback.',
  })
  @IsOptional()
  @IsUrl(HTTP_URL)
  dataPlaneUrl?: string;

  @Setting('BERTH_READ_GRANT_SECONDS', {
    type: 'integer',
    default: '900',
    doc: 'How long a granted read may last; deleted objects are kept for as long.',
  })
  @IsInt()
  @Min(1)
  @Max(7 * DAY)
  readGrantSeconds!: number;

  @Setting('BERTH_REDIRECT', {
    type: 'boolean',
    default: 'false',
    doc: 'Clients that pull a blob are sent to the object store, by a URL that is valid for BERTH_READ_GRANT_SECONDS at most. Needs S3 that clients can reach.',
  })
  @IsBoolean()
  redirect!: boolean;

  @Setting('BERTH_REDIRECT_MIN_BYTES', {
    type: 'integer',
    default: String(1024 * 1024),
    doc: 'Smaller blobs are served by the gateway all the same.',
  })
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  redirectMinBytes!: number;

  @Setting('BERTH_REDIRECT_EXCEPT', {
    type: 'list',
    doc: 'Clients that are never redirected: beginnings of their User-Agent, separated by commas, in any case.',
  })
  @IsOptional()
  @IsNotEmpty({ each: true })
  redirectExcept?: string[];

  @Setting('BERTH_UPLOAD_IDLE_SECONDS', {
    type: 'integer',
    default: String(DAY),
    doc: 'An upload session that nobody touches for so long is removed with its bytes.',
  })
  @IsInt()
  @Min(1)
  @Max(TEN_YEARS)
  uploadIdleSeconds!: number;

  @Setting('BERTH_UPLOAD_MAX_SECONDS', {
    type: 'integer',
    default: String(7 * DAY),
    doc: 'An upload session that began so long ago is removed with its bytes, however often it is touched. More than BERTH_UPLOAD_IDLE_SECONDS.',
  })
  @IsInt()
  @Min(2)
  @Max(TEN_YEARS)
  uploadMaxSeconds!: number;

  @Setting('BERTH_MAX_MANIFEST_BYTES', {
    type: 'integer',
    default: String(4 * 1024 * 1024),
    doc: 'Larger manifests are answered 413. Distributed, NATS must carry four thirds of it and 64 KiB (max_payload).',
  })
  @IsInt()
  @Min(1024)
  @Max(32 * 1024 * 1024)
  maxManifestBytes!: number;

  @Setting('BERTH_MAX_BLOB_BYTES', {
    type: 'integer',
    default: '0',
    doc: 'Larger blobs are answered 413, while their bytes arrive; 0: any size. The same for gateway and storage.',
  })
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  maxBlobBytes!: number;

  @Setting('BERTH_SCHEMA1_DEFAULT', {
    type: 'boolean',
    default: 'false',
    doc: 'A tag of an image is answered in Docker schema 1 unless Accept names schema 2 or an OCI type. Without it only where Accept asks for schema 1 and excludes what is stored.',
  })
  @IsBoolean()
  schema1Default!: boolean;

  @Setting('BERTH_REGION', {
    type: 'text',
    default: 'local',
    doc: 'The region, as SDKs call it: the project of each account is named after it, and a docker login by access key begins with it.',
  })
  @Matches(/^[a-z0-9][a-z0-9_-]{0,63}$/, {
    message: 'must be 1 to 64 lower-case letters, digits, hyphens and underscores',
  })
  region!: string;

  @Setting('BERTH_DOCKERHUB_ACCELERATOR', {
    type: 'text',
    doc: 'The mirror of Docker Hub that the management API names, as host or host:port. Default: the registry itself.',
  })
  @IsOptional()
  @Matches(HOST, { message: 'must be host or host:port' })
  dockerhubAccelerator?: string;

  @Setting('BERTH_GCR_ACCELERATOR', {
    type: 'text',
    doc: 'The same for gcr.io.',
  })
  @IsOptional()
  @Matches(HOST, { message: 'must be host or host:port' })
  gcrAccelerator?: string;

  @Setting('BERTH_ORGANISATION_QUOTA', {
    type: 'integer',
    default: '5',
    doc: 'How many organisations a new account may own; an operator changes it for each account. The first account has no limit.',
  })
  @IsInt()
  @Min(0)
  @Max(1_000_000)
  organisationQuota!: number;

  @Setting('BERTH_TOKEN_SECONDS', { type: 'integer', default: '1800', doc: 'Lifetime of a bearer token.' })
  @IsInt()
  @Min(60)
  @Max(DAY)
  tokenSeconds!: number;

  @Setting('BERTH_REFRESH_TOKEN_SECONDS', {
    type: 'integer',
    default: String(90 * DAY),
    doc: 'Lifetime of a refresh token, which a client keeps instead of the password; a new password, or the end of the access key it was given for, ends it before.',
  })
  @IsInt()
  @Min(60)
  @Max(TEN_YEARS)
  refreshTokenSeconds!: number;

  @Setting('BERTH_BASIC_SECONDS', {
    type: 'integer',
    default: '60',
    doc: 'How long the gateway remembers Basic credentials that auth has verified, and rights that it asked for; what changes meanwhile is asked again within two seconds.',
  })
  @IsInt()
  @Min(1)
  @Max(DAY)
  basicSeconds!: number;

  @Setting('BERTH_TOKEN_SERVICE', {
    type: 'text',
    default: 'berth',
    doc: 'The service that the token challenge names, and the audience of tokens. Scripts put it into a URL as it is.',
  })
  @Matches(/^[A-Za-z0-9._~:/@-]+$/, { message: 'must be letters, digits and ._~:/@- only' })
  tokenService!: string;

  @Setting('BERTH_CREATE_ORGANISATIONS', {
    type: 'boolean',
    default: 'true',
    doc: 'A push into an organisation that does not exist creates it, where the pusher may create organisations.',
  })
  @IsBoolean()
  createOrganisations!: boolean;

  @Setting('BERTH_OFFICIAL_ORGANISATION', {
    type: 'text',
    default: 'library',
    doc: 'The organisation whose public repositories the management API shows as official images.',
  })
  @Matches(/^[a-z0-9][a-z0-9._-]{0,254}$/, { message: 'must be the name of an organisation' })
  officialOrganisation!: string;

  @Setting('BERTH_REPOSITORY_QUOTA', {
    type: 'integer',
    default: '0',
    doc: 'Repositories that an organisation may have; one more is refused. 0: any number. The same for registry-v2 and manage.',
  })
  @IsInt()
  @Min(0)
  @Max(MOST_COUNTED)
  repositoryQuota!: number;

  @Setting('BERTH_TAG_QUOTA', {
    type: 'integer',
    default: '0',
    doc: 'Tags that a repository may have; a push of one more is refused, and what moves a tag is not. 0: any number. The same for registry-v2 and manage.',
  })
  @IsInt()
  @Min(0)
  @Max(MOST_COUNTED)
  tagQuota!: number;

  @Setting('BERTH_LEASE_SECONDS', {
    type: 'integer',
    default: '3600',
    doc: 'How long a blob is protected that was uploaded, mounted or found by HEAD, and that no manifest references yet.',
  })
  @IsInt()
  @Min(0)
  @Max(TEN_YEARS)
  leaseSeconds!: number;

  @Setting('BERTH_GC_GRACE_SECONDS', {
    type: 'integer',
    default: '3600',
    doc: 'How long after its protection ended, or its last reference went, a blob is collected. At least BERTH_LEASE_SECONDS where no push may be refused whose layer a HEAD found in a manifest that goes meanwhile.',
  })
  @IsInt()
  @Min(0)
  @Max(TEN_YEARS)
  gcGraceSeconds!: number;

  @Setting('BERTH_AUDIT_DAYS', {
    type: 'integer',
    default: '365',
    doc: 'Days that the audit record is kept; fewer than 30 count as 30. 0: for ever.',
  })
  @IsInt()
  @Min(0)
  @Max(TEN_YEARS / DAY)
  auditDays!: number;

  @Setting('BERTH_GC_RECONCILE_SECONDS', {
    type: 'integer',
    default: String(DAY),
    doc: 'How often gc-worker compares all rows with all objects, from one beginning to the next; 0: never, and objects that the scrub finds missing or cannot read are then not judged either. Set it to 0 before a backup of the database is restored.',
  })
  @IsInt()
  @Min(0)
  @Max(TEN_YEARS)
  gcReconcileSeconds!: number;

  @Setting('BERTH_GC_ORPHAN_SECONDS', {
    type: 'integer',
    default: String(7 * DAY),
    doc: 'An object that no row knows is removed when it is so old, and has been known for so long to be one.',
  })
  @IsInt()
  @Min(0)
  @Max(TEN_YEARS)
  gcOrphanSeconds!: number;

  @Setting('BERTH_GC_ABSENCE_CHECKS', {
    type: 'integer',
    default: '3',
    doc: 'How often a blob must be found without its object, or with one of another size, before it is in quarantine.',
  })
  @IsInt()
  @Min(2)
  @Max(100)
  gcAbsenceChecks!: number;

  @Setting('BERTH_GC_ABSENCE_SECONDS', {
    type: 'integer',
    default: '600',
    doc: 'How long between these checks.',
  })
  @IsInt()
  @Min(0)
  @Max(DAY)
  gcAbsenceSeconds!: number;

  @Setting('BERTH_GC_BRAKE_COUNT', {
    type: 'integer',
    default: '100',
    doc: 'So many objects without a row, or blobs without their object, are taken as they are; more of them only within BERTH_GC_BRAKE_PERCENT. Beyond both gc-worker stops until an operator confirms.',
  })
  @IsInt()
  @Min(0)
  @Max(MOST_COUNTED)
  gcBrakeCount!: number;

  @Setting('BERTH_GC_BRAKE_PERCENT', {
    type: 'integer',
    default: '10',
    doc: 'Which share of all objects, or of all blobs, may be such before gc-worker stops.',
  })
  @IsInt()
  @Min(0)
  @Max(100)
  gcBrakePercent!: number;

  @Setting('BERTH_GC_SCRUB_BYTES_PER_SECOND', {
    type: 'integer',
    default: '0',
    doc: 'How fast gc-worker lets stored objects be hashed again, all of them in turn; 0: not at all.',
  })
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  gcScrubBytesPerSecond!: number;

  @Setting('BERTH_GC_UNTAGGED', {
    type: 'text',
    default: 'keep',
    doc: 'Manifests that no tag, index or subject keeps: `keep`, or the seconds after which they are collected. Organisations and repositories may have it otherwise.',
  })
  @Matches(/^(keep|0|[1-9]\d{0,7}|[12]\d{8})$/, { message: 'must be keep, or a number of seconds below 300000000' })
  gcUntagged!: string;

  @Setting('BERTH_URL', {
    type: 'text',
    doc: 'The command berth alone: where the registry is. Without it: what runs on BERTH_DATA_DIR.',
  })
  @IsOptional()
  @IsUrl(HTTP_URL)
  url?: string;

  @Setting('BERTH_PASSWORD', {
    type: 'text',
    secret: true,
    doc: 'The command berth alone: the password of the user of --login.',
  })
  @IsOptional()
  @IsString()
  password?: string;

  @Setting('BERTH_NEW_PASSWORD', {
    type: 'text',
    secret: true,
    doc: 'The command berth alone: the password to give to a user, of 8 to 4096 characters. Without it one is generated and shown once.',
  })
  @IsOptional()
  @IsString()
  newPassword?: string;
}

/** The internal port in force: next to the gateway's unless it is set. */
export const internalPortOf = (settings: Settings): number =>
  settings.internalPort ?? (settings.port === 0 ? 0 : settings.port + 1);
