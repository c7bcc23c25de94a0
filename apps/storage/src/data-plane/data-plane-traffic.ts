import type { Server } from 'node:http';
import { HttpTraffic, Metrics } from '@berth/platform';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/** Counts the bytes of the internal port, where the data plane is. In standalone there is none: the gateway's bytes are all. */
@Injectable()
export class DataPlaneTraffic implements OnModuleInit {
  private readonly traffic: HttpTraffic;

  constructor(
    private readonly adapters: HttpAdapterHost,
    metrics: Metrics,
  ) {
    this.traffic = new HttpTraffic(
      metrics,
      'berth_data_plane_bytes_total',
      'Bytes that came `in` over the internal port of storage and went `out`, headers included',
    );
  }

  onModuleInit(): void {
    const server = this.adapters.httpAdapter?.getHttpServer() as Server | undefined;
    if (server) this.traffic.watch(server);
  }
}
