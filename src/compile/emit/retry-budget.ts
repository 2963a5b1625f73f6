/** The budget of retries that our own proxy gets where nobody has bounded them (decision 9). */
import type { JsonObject } from '@bufbuild/protobuf';
import type { PortPolicy } from './destination-policy.ts';

/** The namespace of cluster metadata that our proxy reads it from; others pass over it. */
export const RETRY_BUDGET_NAMESPACE = 'tulle.retry_budget';

/** Retries for each request in the long run, those that are allowed in any case, and those that can be saved. */
const DEFAULT_BUDGET: JsonObject = { ratio: 0.15, min_per_second: 3, burst: 30 };

/** Metadata of a route that says by itself how often to retry: the default budget is not for it. */
export const UNBUDGETED: Readonly<Record<string, JsonObject>> = { [RETRY_BUDGET_NAMESPACE]: { exempt: true } };

/** The default budget; undefined where a DestinationRule bounds retries by itself. */
export function defaultRetryBudget({ retryBudget, connectionPool }: PortPolicy): JsonObject | undefined {
  return retryBudget === undefined && connectionPool?.maxRetries === undefined ? DEFAULT_BUDGET : undefined;
}
