import { runService } from '@berth/platform';
import { AuthModule } from './auth.module.js';

await runService({
  name: 'auth',
  module: AuthModule,
  required: ['secretKey'],
  database: true,
  startsOnDatabase: true,
});
