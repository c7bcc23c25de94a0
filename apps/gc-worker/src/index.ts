export { GcWorkerModule } from './gc-worker.module.js';
