export { answering } from './answering.js';
export { type InProcessService, startInProcess } from './in-process-service.js';
