import { runService } from '@berth/platform';
import { GatewayModule } from './gateway.module.js';

await runService({ name: 'gateway', module: GatewayModule.with(), required: [], database: false, public: true });
