import { defineRequest } from '../contract.js';

/** An operator has seen why a run is held: it goes on. */
export class ConfirmReconciliationV1 {}

/** The tasks that were held. */
export const CONFIRM_RECONCILIATION = defineRequest<ConfirmReconciliationV1, { tasks: ('objects' | 'scrub')[] }>(
  'gc.reconciliation.confirm.v1',
  ConfirmReconciliationV1,
);
