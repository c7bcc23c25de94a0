export { DataPlane } from './data-plane/data-plane.js';
export { StorageModule } from './storage.module.js';
