import { runService } from '@berth/platform';
import { RegistryModule } from './registry.module.js';

await runService({
  name: 'registry-v2',
  module: RegistryModule,
  required: [],
  database: true,
  startsOnEvents: true,
});
