import { runService } from '@berth/platform';
import { GcWorkerModule } from './gc-worker.module.js';

await runService({ name: 'gc-worker', module: GcWorkerModule, required: [], database: true });
