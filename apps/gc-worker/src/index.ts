export { GarbageCollector } from './garbage-collector.js';
export { GcWorkerModule } from './gc-worker.module.js';
export { ObjectDeletion } from './object/object-deletion.js';
export { ObjectComparison } from './reconcile/object-comparison.js';
export { ReconciliationLoop } from './reconcile/reconciliation-loop.js';
export { LinkReview } from './review/link-review.js';
export { ManifestReview } from './review/manifest-review.js';
