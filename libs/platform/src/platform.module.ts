import { AnswerObserver, Broadcast, EventStream, MessageBus } from '@berth/messaging';
import { Database } from '@berth/metadata';
import { type DynamicModule, Global, Module, type Type } from '@nestjs/common';
import { HealthController } from './health/health.controller.js';
import { HealthChecks } from './health/health-checks.js';
import { MeasuredAnswers } from './metrics/measured-answers.js';
import { Metrics } from './metrics/metrics.js';
import { MetricsController } from './metrics/metrics.controller.js';
import type { ServiceHost } from './service-host.js';
import { Settings } from './settings/settings.js';

/** Gives a service its host's parts by their classes. */
@Global()
@Module({})
export class PlatformModule {
  static forHost(host: ServiceHost): DynamicModule {
    const providers = [
      { provide: Settings, useValue: host.settings },
      { provide: MessageBus, useValue: host.bus },
      { provide: EventStream, useValue: host.events },
      { provide: Broadcast, useValue: host.broadcast },
      { provide: Database, useValue: host.database },
      { provide: Metrics, useValue: host.metrics },
      { provide: HealthChecks, useValue: host.health },
      { provide: AnswerObserver, useFactory: () => new MeasuredAnswers(host.metrics) },
    ];
    return { module: PlatformModule, providers, exports: providers };
  }
}

/** The endpoints of the internal port. */
@Module({ controllers: [HealthController, MetricsController] })
export class InternalEndpointsModule {}

/** A service on its host: what Nest is started with. */
@Module({})
export class ServiceRootModule {
  static of(host: ServiceHost, ...modules: (Type | DynamicModule)[]): DynamicModule {
    return { module: ServiceRootModule, imports: [PlatformModule.forHost(host), ...modules] };
  }
}
