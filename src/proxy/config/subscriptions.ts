/** What the stores of configuration ask of whoever brings it, and how they take what comes. */
import { ConfigError } from '../../core/errors.ts';
import type { AdsResource } from '../../xds/client.ts';

/** Asks a server for resources by name, or for all of a type. */
export interface Subscriptions {
  subscribe(typeUrl: string, names: readonly string[] | '*'): void;
  unsubscribe(typeUrl: string, names: readonly string[] | '*'): void;
}

/** For a bootstrap without a server: nothing ever comes. */
export const noSubscriptions: Subscriptions = { subscribe() {}, unsubscribe() {} };

/** How long a part waits for what it refers to before it goes on without, where the configuration does not say. */
export const INITIAL_FETCH_TIMEOUT_MS = 15_000;

/**
 * Hands each resource to `apply`. One that is refused does not keep the others back; all refusals together are
 * thrown in the end, as one ConfigError that names the resources.
 */
export function applyEach(resources: readonly AdsResource[], apply: (resource: AdsResource) => void): void {
  const refused: string[] = [];
  for (const resource of resources) {
    try {
      apply(resource);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      // a resource is its own root, so that a path that begins with a dot is one without a root
      refused.push(`${resource.name}: ${error.message.replace(/^\./, '')}`);
    }
  }
  if (refused.length > 0) throw new ConfigError('', refused.join('; '));
}

/** True where both are the same bytes. */
export function sameBytes(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && Buffer.compare(a, b) === 0;
}
