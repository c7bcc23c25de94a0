import { runService } from '@berth/platform';
import { ManageModule } from './manage.module.js';

await runService({ name: 'manage', module: ManageModule, required: [], database: true });
