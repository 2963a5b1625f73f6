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

/** A host with what only the cluster itself may change. It stays the same object as long as its address stays. */
export class ClusterHost implements Host {
  readonly address: NetAddress;
  readonly key: string;
  readonly hostname: string;
  readonly transport: Transport;
  weight: number;
  isHealthy: boolean;
  isDraining = false;
  activeRequests = 0;
  activeConnections = 0;
  metadata: Readonly<Record<string, unknown>>;
  readonly requestsTotal = { value: 0 };
  pool: unknown = undefined;
  /** As last assigned: health, priority and locality. */
  endpoint: Endpoint;
  readonly outlier: OutlierState = freshState();
  readonly #onOutcome: (host: ClusterHost, outcome: Outcome) => void;

  constructor(endpoint: Endpoint, transport: Transport, onOutcome: (host: ClusterHost, outcome: Outcome) => void) {
    this.address = endpoint.address;
    this.key = formatAddress(endpoint.address);
    this.hostname = endpoint.hostname;
    this.transport = transport;
    this.weight = endpoint.weight;
    this.metadata = endpoint.metadata;
    this.endpoint = endpoint;
    this.isHealthy = endpoint.health !== 'unhealthy';
    this.#onOutcome = onOutcome;
  }

  get priority(): number {
    return this.endpoint.priority;
  }

  get isEjected(): boolean {
    return this.outlier.ejectedUntilMs > 0;
  }

  /** Takes over a later assignment of the same address. */
  assign(endpoint: Endpoint): void {
    this.endpoint = endpoint;
    this.weight = endpoint.weight;
    this.metadata = endpoint.metadata;
    this.refreshHealth();
  }

  /** Works out `isHealthy` anew after a part of it has changed. */
  refreshHealth(): void {
    this.isHealthy = this.endpoint.health !== 'unhealthy' && !this.isEjected;
  }

  report(outcome: Outcome): void {
    this.#onOutcome(this, outcome);
  }
}
