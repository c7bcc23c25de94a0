import type { HealthChecks } from '../health/health-checks.js';
import type { Metrics } from './metrics.js';

/** Shows what readiness says of each thing that the process needs. While it stops, it says nothing. */
export function showDependencies(health: HealthChecks, metrics: Metrics): void {
  const help = 'Whether what the process needs answers: 1 or 0, as at /readyz';
  metrics.gauges('berth_dependency_up', help, 'dependency', async () => {
    const { checks } = await health.readiness();
    return Object.fromEntries(Object.entries(checks).map(([name, { status }]) => [name, status === 'up' ? 1 : 0]));
  });
}
