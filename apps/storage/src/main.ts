import { runService } from '@berth/platform';
import { DataPlaneAddress } from './data-plane/data-plane-address.js';
import { DataPlane } from './data-plane/data-plane.js';
import { ownAddress } from './data-plane/own-address.js';
import { StorageModule } from './storage.module.js';

await runService({
  name: 'storage',
  module: StorageModule,
  required: [],
  database: true,
  onListening: (app, settings, address) => app.get(DataPlaneAddress).set(settings.dataPlaneUrl ?? ownAddress(address)),
  onCutOff: (app) => app.get(DataPlane).cutOff(),
});
