import type { Clock } from '../../core/clock.ts';
import type { NetAddress } from '../../net/address.ts';
import { formatAddress } from '../../net/address.ts';
import type { CheckState } from '../health/check-state.ts';
import type { Cluster, Host, Outcome, Transport } from './cluster.ts';
import type { Endpoint } from './endpoints.ts';
import { OutlierState } from './outlier-state.ts';

/** Whose host it is. */
export interface HostOwner {
  /** Absent in tests of hosts alone. */
  readonly cluster?: Cluster;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** It was healthy and is not any more, for another cause than what its assignment says. */
  onFailed?(host: ClusterHost): void;
  onOutcome(host: ClusterHost, outcome: Outcome, turn: number): void;
}

/**
 * A host with what only the cluster itself may change. It stays the same object as long as its address stays.
 *
 * Its health has independent causes, each with an owner: the load assignment, active checks, outlier detection, failure
 * accrual. `isHealthy` and `isDegraded` are worked out from all of them.
 */
export class ClusterHost implements Host {
  address: NetAddress;
  addresses: readonly NetAddress[] | undefined = undefined;
  key: string;
  /** Tells it from others of its cluster: its key, or the name that it was made for. */
  readonly id: string;
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
  /** It has left its assignment, and stays as long as active checks pass. */
  isPendingRemoval = false;
  activeRequests = 0;
  activeConnections = 0;
  metadata: Readonly<Record<string, unknown>>;
  readonly requestsTotal = { value: 0 };
  pool: unknown = undefined;
  observe: Host['observe'] = undefined;
  /** As last assigned: health, priority and locality. */
  endpoint: Endpoint;
  readonly outlier: OutlierState = new OutlierState();
  /** What active checks know of it; undefined where there are none. Whoever changes it calls `refreshHealth`. */
  check: CheckState | undefined = undefined;
  onHead: Host['onHead'] = undefined;
  onEnd: Host['onEnd'] = undefined;
  onAttempt: Host['onAttempt'] = undefined;
  turn = 0;
  readonly cluster: Cluster | undefined;
  readonly #owner: HostOwner;
  #isTripped = false;

  constructor(endpoint: Endpoint, transport: Transport, owner: HostOwner) {
    this.address = endpoint.address;
    this.key = formatAddress(endpoint.address);
    this.id = endpoint.id ?? this.key;
    this.hostname = endpoint.hostname;
    this.transport = transport;
    this.weight = endpoint.weight;
    this.metadata = endpoint.metadata;
    this.endpoint = endpoint;
    this.cluster = owner.cluster;
    this.#owner = owner;
    this.healthySinceMs = owner.clock.monotonicMs();
    this.refreshHealth();
  }

  get priority(): number {
    return this.endpoint.priority;
  }

  get locality(): string {
    return this.endpoint.locality;
  }

  get isEjected(): boolean {
    return this.outlier.ejection.isOn;
  }

  /** It does not count among those that could carry traffic: it leaves, was never checked, or has said so itself. */
  get isExcluded(): boolean {
    return this.endpoint.health === 'draining' || (this.check !== undefined && (this.check.isPending || this.check.isExcluded));
  }

  get isTripped(): boolean {
    return this.#isTripped;
  }

  /** Failure accrual lets no request through (true), or does again. */
  setTripped(isTripped: boolean): void {
    this.#isTripped = isTripped;
    this.refreshHealth();
  }

  /** New connections go there from now on, in the order in which addresses are tried; those that exist go on. */
  moveTo(addresses: readonly [NetAddress, ...NetAddress[]]): void {
    [this.address] = addresses;
    this.addresses = addresses.length > 1 ? addresses : undefined;
    this.key = formatAddress(this.address);
  }

  /** Takes over a later assignment of the same address. */
  assign(endpoint: Endpoint): void {
    this.endpoint = endpoint;
    this.weight = endpoint.weight;
    this.metadata = endpoint.metadata;
    this.isPendingRemoval = false;
    this.refreshHealth();
  }

  /** Works out `isHealthy` and `isDegraded` anew after a cause has changed. */
  refreshHealth(): void {
    const { health } = this.endpoint;
    const isUsable = health === 'healthy' || health === 'degraded';
    const isHealthy = isUsable && this.check?.isFailing !== true && !this.isEjected && !this.#isTripped;
    if (isHealthy && !this.isHealthy) this.healthySinceMs = this.#owner.clock.monotonicMs();
    const hasFailed = this.isHealthy && !isHealthy && isUsable;
    this.isHealthy = isHealthy;
    if (hasFailed) this.#owner.onFailed?.(this);
    this.isDegraded = isHealthy && (health === 'degraded' || this.check?.isDegraded === true || this.outlier.degradation.isOn);
  }

  get healthFlags(): readonly string[] {
    return FLAGS.filter(([, isSet]) => isSet(this)).map(([name]) => name);
  }

  /** Has `read` called with the head of every response, besides those that are already. */
  addHeadReader(read: NonNullable<Host['onHead']>): void {
    const former = this.onHead;
    this.onHead =
      former === undefined
        ? read
        : (head) => {
            former(head);
            read(head);
          };
  }

  report(outcome: Outcome, turn: number = this.turn): void {
    this.#owner.onOutcome(this, outcome, turn);
  }
}

/** What speaks against a host, by Envoy's names and in its order; failure accrual is ours. */
const FLAGS: readonly (readonly [name: string, isSet: (host: ClusterHost) => boolean])[] = [
  ['failed_active_hc', ({ check }) => check?.isFailing === true],
  ['failed_outlier_check', ({ isEjected }) => isEjected],
  ['failed_eds_health', ({ endpoint }) => endpoint.health === 'unhealthy'],
  ['degraded_active_hc', ({ check }) => check?.isDegraded === true],
  ['degraded_eds_health', ({ endpoint }) => endpoint.health === 'degraded'],
  ['pending_active_hc', ({ check }) => check?.isPending === true],
  ['excluded_via_immediate_hc_fail', ({ check }) => check?.isExcluded === true],
  ['active_hc_timeout', ({ check }) => check?.hasTimedOut === true],
  ['eds_status_draining', ({ endpoint }) => endpoint.health === 'draining'],
  ['degraded_outlier_detection', ({ outlier }) => outlier.degradation.isOn],
  ['tripped_failure_accrual', ({ isTripped }) => isTripped],
];
