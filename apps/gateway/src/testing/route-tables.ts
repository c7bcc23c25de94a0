import { DockyardController } from '../management/dockyard.controller.js';
import { ManagementRoutes } from '../management/management-routes.js';
import { RegistryRoutes } from '../registry/registry-routes.js';

/** A table of routes with nothing behind it: what is served where, and what it needs, and no request. */
function withNothingBehind<Table>(table: new (...behind: never[]) => Table): Table {
  return new table(...Array.from({ length: table.length }, () => ({}) as never));
}

export const registryRoutes = (): RegistryRoutes => withNothingBehind(RegistryRoutes);
export const managementRoutes = (): ManagementRoutes => withNothingBehind(ManagementRoutes);
export const dockyardRoutes = (): DockyardController => withNothingBehind(DockyardController);
