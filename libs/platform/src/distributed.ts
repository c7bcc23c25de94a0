import {
  JetStreamEventStream,
  DrainingNatsServer,
  NatsBroadcast,
  NatsBus,
  NatsLink,
  type NatsSettings,
  tryNats,
} from '@berth/messaging';
import { GARBAGE_QUEUED, MANIFEST_DELETED, MANIFEST_PUSHED, TAG_DELETED } from '@berth/contracts';
import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { HealthChecks } from './health/health-checks.js';
import { createHttpApp, listen } from './http-server.js';
import { createLogger } from './logging/logger.js';
import { showDependencies } from './metrics/dependencies.js';
import { MeasuredBus } from './metrics/measured-bus.js';
import { Metrics } from './metrics/metrics.js';
import { openDatabase } from './open-database.js';
import { InternalEndpointsModule, ServiceRootModule } from './platform.module.js';
import type { ServiceHost } from './service-host.js';
import { loadSettings } from './settings/load-settings.js';
import { internalPortOf, type Settings } from './settings/settings.js';
import { runUntilStopped } from './process-lifetime.js';
import { startTracing } from './tracing/start-tracing.js';
import { waitAtStart } from './wait-at-start.js';

/** One of the six services, as its main.ts describes it. */
export interface Service {
  name: string;
  module: Type | DynamicModule;
  /** Settings without which it does not start. */
  required: (keyof Settings)[];
  /** Keeps state in PostgreSQL. */
  database: boolean;
  /** Reads or writes it before it can answer anything: it starts when PostgreSQL is there. */
  startsOnDatabase?: true;
  /** Publishes events: it starts when their stream can be made, which may be a matter of configuration. */
  startsOnEvents?: true;
  /** Serves clients on BERTH_PORT, besides the internal port. */
  public?: boolean;
  /** Called when the address of the internal port is known, before the first message is answered. */
  onListening?(app: NestFastifyApplication, settings: Settings, address: string): void;
  /** Called when the time to finish is over: what is under way ends in a way that keeps what it has. */
  onCutOff?(app: NestFastifyApplication): void;
}

/** A start that waits for NATS may wait for ever: once it is to stop it has so long. */
const START_SECONDS = 5;
const STREAM = 'BERTH_EVENTS';
const EVENT_SUBJECTS = [GARBAGE_QUEUED, MANIFEST_PUSHED, MANIFEST_DELETED, TAG_DELETED].map(
  (contract) => contract.subject,
);
const BASE64_OVERHEAD = 4 / 3;
const PACKET_OVERHEAD = 64 * 1024;

/** Runs one service as a process of its own: NATS, PostgreSQL and the object store are where the settings say. */
export function runService(service: Service): Promise<void> {
  const start = async () => {
    const settings = loadSettings(process.env, [
      'natsUrl',
      ...(service.database ? (['databaseUrl'] as const) : []),
      ...service.required,
    ]);
    const host = await createHost(service, settings);
    const stopTracing = await startTracing(service.name, settings, host.logger);
    // The internal port is open before anything can be asked of the service.
    let started: Started | null = null;
    host.health.add('service', async () => {
      if (!started) throw new Error('it is still starting');
      await started.reachable?.();
    });
    if (service.startsOnDatabase) await waitAtStart(host, 'database', () => host.database!.ready());
    if (service.startsOnEvents) {
      await waitAtStart(host, 'events', () => host.events.ready());
      // From now on what cannot be published waits in the outbox, and requests are served.
      host.health.remove('events');
    }
    started = service.public ? await startPublic(host, service) : await startInternal(host, service);
    const { apps, addresses, leave } = started;
    host.logger.info({ addresses }, 'service started');
    return {
      logger: host.logger,
      drainSeconds: settings.drainSeconds,
      shutdownSeconds: settings.shutdownSeconds,
      drain: () => {
        host.health.stop();
        leave?.();
      },
      cutOff: () => service.onCutOff?.(apps[0]!),
      stop: async () => {
        for (const app of apps) await app.close();
        await host.events.close();
        await host.bus.close();
        await host.database?.close();
        await stopTracing();
      },
    };
  };
  return runUntilStopped(service.name, start, START_SECONDS);
}

interface DistributedHost extends ServiceHost {
  transport(service: string): DrainingNatsServer;
}

async function createHost(service: Service, settings: Settings): Promise<DistributedHost> {
  const logger = createLogger(service.name, settings.logLevel);
  const metrics = new Metrics(service.name);
  const health = new HealthChecks();
  showDependencies(health, metrics);
  const nats: NatsSettings = {
    servers: settings.natsUrl!,
    name: service.name,
    user: settings.natsUser,
    password: settings.natsPassword,
    prefix: settings.natsPrefix,
  };
  await waitAtStart({ settings, logger, metrics, health }, 'bus', () => tryNats(nats));
  const link = await openLink(nats, settings);
  const bus = new NatsBus(link);
  const replicas = settings.natsStreamReplicas;
  const events = new JetStreamEventStream(await NatsLink.open(nats), {
    stream: STREAM,
    subjects: EVENT_SUBJECTS,
    replicas,
  });
  const database = service.database ? openDatabase(service.name, settings, metrics) : null;
  health.add('bus', () => bus.ready());
  if (database) health.add('database', () => database.ready());
  return {
    settings,
    logger,
    metrics,
    health,
    bus: new MeasuredBus(bus, metrics),
    events,
    broadcast: new NatsBroadcast(link),
    database,
    transport: (name) => new DrainingNatsServer(nats, name, settings.shutdownSeconds * 1000),
  };
}

async function openLink(nats: NatsSettings, settings: Settings): Promise<NatsLink> {
  const link = await NatsLink.open(nats);
  const carries = link.connection.info?.max_payload ?? 0;
  const needs = Math.ceil(settings.maxManifestBytes * BASE64_OVERHEAD) + PACKET_OVERHEAD;
  if (carries >= needs) return link;
  await link.close();
  throw new Error(
    `NATS carries messages of ${carries} bytes, and manifests of BERTH_MAX_MANIFEST_BYTES=${settings.maxManifestBytes} need ${needs}: ` +
      'set max_payload: 8MB in the configuration of nats-server, or lower BERTH_MAX_MANIFEST_BYTES',
  );
}

interface Started {
  apps: NestFastifyApplication[];
  addresses: string[];
  /** Resolves while questions reach it. */
  reachable?: () => Promise<void>;
  /** Has new questions go to other replicas. */
  leave?: () => void;
}

async function startInternal(host: DistributedHost, service: Service): Promise<Started> {
  const { settings } = host;
  const app = await createHttpApp(host, ServiceRootModule.of(host, InternalEndpointsModule, service.module));
  const server = host.transport(service.name);
  app.connectMicroservice({ strategy: server });
  const address = await listen(app, internalPortOf(settings), settings.internalHost);
  service.onListening?.(app, settings, address);
  await app.startAllMicroservices();
  // A grant of storage must not be given out any more while its data plane closes: first this, then HTTP.
  return { apps: [app], addresses: [address], reachable: () => server.ready(), leave: () => void server.leave() };
}

async function startPublic(host: ServiceHost, service: Service): Promise<Started> {
  const { settings } = host;
  const app = await createHttpApp(host, ServiceRootModule.of(host, service.module));
  const internal = await createHttpApp(host, ServiceRootModule.of(host, InternalEndpointsModule));
  const addresses = [
    await listen(internal, internalPortOf(settings), settings.internalHost),
    await listen(app, settings.port, settings.host),
  ];
  return { apps: [app, internal], addresses };
}
