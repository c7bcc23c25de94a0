import { IsIn, IsString } from 'class-validator';
import { defineRequest } from '../contract.js';

/** An operator has seen why the run of a task is held: it goes on, if that is still why. */
export class ConfirmReconciliationV1 {
  @IsIn(['objects', 'scrub'])
  task!: 'objects' | 'scrub';

  /** As it was shown. */
  @IsString()
  held!: string;
}

/** The task, or none where it is not held, or for something else by now. */
export const CONFIRM_RECONCILIATION = defineRequest<ConfirmReconciliationV1, { tasks: ('objects' | 'scrub')[] }>(
  'gc.reconciliation.confirm.v1',
  ConfirmReconciliationV1,
);
