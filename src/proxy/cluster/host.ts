import type { Clock } from '../../core/clock.ts';
import type { NetAddress } from '../../net/address.ts';
import { formatAddress } from '../../net/address.ts';
import type { Host, Outcome, Transport } from './cluster.ts';
import type { Endpoint } from './endpoints.ts';

/** Attempts in one interval and how many succeeded. */
export interface Tally {
  total: number;
  successes: number;
}

/** What outlier detection remembers of a host. */
export interface OutlierState {
  consecutive5xx: number;
  consecutiveGatewayFailures: number;
  consecutiveLocalOriginFailures: number;
  readonly external: Tally;
  readonly localOrigin: Tally;
  /** Times in force: the ejection time is this many times the base. Sinks again while the host behaves. */
  ejections: number;
  /** `Clock.monotonicMs` of the end of the ejection; 0 while it is not ejected. */
  ejectedUntilMs: number;
}

function freshState(): OutlierState {
  return {
    consecutive5xx: 0,
    consecutiveGatewayFailures: 0,
    consecutiveLocalOriginFailures: 0,
    external: { total: 0, successes: 0 },
    localOrigin: { total: 0, successes: 0 },
    ejections: 0,
    ejectedUntilMs: 0,
  };
}

/** What active health checks last said of a host. */
export type ActiveCheck = 'passing' | 'degraded' | 'failing';

/** Whose host it is. */
export interface HostOwner {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  onOutcome(host: ClusterHost, outcome: Outcome): void;
}

/**
 * A host with what only the cluster itself may change. It stays the same object as long as its address stays.
 *
 * Its health has independent causes, each with an owner: the load assignment, active checks, outlier detection, failure
 * accrual. `isHealthy` and `isDegraded` are worked out from all of them.
 */
export class ClusterHost implements Host {
  readonly address: NetAddress;
  readonly key: string;
  readonly hostname: string;
  readonly transport: Transport;
  weight: number;
  /** No cause speaks against it. */
  isHealthy = true;
  /** Healthy, but some cause says: only when too few others are left. */
  isDegraded = false;
  /** `Clock.monotonicMs` since which it is healthy without a break; of its making at first. */
  healthySinceMs: number;
  isDraining = false;
  activeRequests = 0;
  activeConnections = 0;
  metadata: Readonly<Record<string, unknown>>;
  readonly requestsTotal = { value: 0 };
  pool: unknown = undefined;
  observe: Host['observe'] = undefined;
  /** As last assigned: health, priority and locality. */
  endpoint: Endpoint;
  readonly outlier: OutlierState = freshState();
  readonly #owner: HostOwner;
  #activeCheck: ActiveCheck = 'passing';
  #isTripped = false;

  constructor(endpoint: Endpoint, transport: Transport, owner: HostOwner) {
    this.address = endpoint.address;
    this.key = formatAddress(endpoint.address);
    this.hostname = endpoint.hostname;
    this.transport = transport;
    this.weight = endpoint.weight;
    this.metadata = endpoint.metadata;
    this.endpoint = endpoint;
    this.#owner = owner;
    this.healthySinceMs = owner.clock.monotonicMs();
    this.refreshHealth();
  }

  get priority(): number {
    return this.endpoint.priority;
  }

  get isEjected(): boolean {
    return this.outlier.ejectedUntilMs > 0;
  }

  get activeCheck(): ActiveCheck {
    return this.#activeCheck;
  }

  /** What active health checks say from now on. */
  setActiveCheck(check: ActiveCheck): void {
    this.#activeCheck = check;
    this.refreshHealth();
  }

  get isTripped(): boolean {
    return this.#isTripped;
  }

  /** Failure accrual lets no request through (true), or does again. */
  setTripped(isTripped: boolean): void {
    this.#isTripped = isTripped;
    this.refreshHealth();
  }

  /** Takes over a later assignment of the same address. */
  assign(endpoint: Endpoint): void {
    this.endpoint = endpoint;
    this.weight = endpoint.weight;
    this.metadata = endpoint.metadata;
    this.refreshHealth();
  }

  /** Works out `isHealthy` and `isDegraded` anew after a cause has changed. */
  refreshHealth(): void {
    const { health } = this.endpoint;
    const isHealthy = health !== 'unhealthy' && this.#activeCheck !== 'failing' && !this.isEjected && !this.#isTripped;
    if (isHealthy && !this.isHealthy) this.healthySinceMs = this.#owner.clock.monotonicMs();
    this.isHealthy = isHealthy;
    this.isDegraded = isHealthy && (health === 'degraded' || this.#activeCheck === 'degraded');
  }

  report(outcome: Outcome): void {
    this.#owner.onOutcome(this, outcome);
  }
}
