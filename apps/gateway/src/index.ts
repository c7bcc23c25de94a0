export { GatewayModule } from './gateway.module.js';
export { BlobTransport } from './transfer/blob-transport.js';
