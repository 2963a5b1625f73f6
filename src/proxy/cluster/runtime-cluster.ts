import { timerMs } from '../../core/timer-limit.ts';
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { HealthScope, HealthWatch } from '../health/health-watch.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { WarmWaiters } from '../warm-waiters.ts';
import { type BalancerSettings, buildPicker, type Picker } from './balancer.ts';
import type { Cluster, DynamicNames, Host, Limits, Outcome, PickContext, Priorities } from './cluster.ts';
import type { Discovery, DiscoveryPlan } from './discovery/discovery.ts';
import { type Assignment, type Endpoint, NO_ENDPOINTS } from './endpoints.ts';
import { type AddressOrder, orderAddresses } from './happy-eyeballs.ts';
import { ClusterHost, type HostOwner } from './host.ts';
import type { HttpSettings } from './http-options.ts';
import type { ClusterScope, MutableCluster } from './mutable-cluster.ts';
import { OutlierDetector, type OutlierScope } from './outlier.ts';
import { outlierLine } from './outlier-events.ts';
import type { OutlierSettings } from './outlier-settings.ts';
import type { NameResolver } from './dns/resolver.ts';
import type { Transports } from './transports.ts';

/** A cluster's configuration, read and checked. */
export interface ClusterSettings {
  readonly name: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly connectTimeoutMs: number;
  readonly http: HttpSettings;
  readonly sourceAddresses: readonly string[];
  readonly limits: Limits;
  readonly balancing: BalancerSettings;
  readonly outlier: OutlierSettings | undefined;
  readonly discovery: DiscoveryPlan;
  readonly addressOrder: AddressOrder;
  /** `close_connections_on_host_set_change`: when hosts come or go, no connection of any host takes another request. */
  readonly renewsOnChange: boolean;
  /** Hosts that have left their assignment stay as long as active checks pass: unless `ignore_health_on_host_removal`. */
  readonly keepsChecked: boolean;
  /** Begins active checks and failure accrual, where they are asked for. Throws ConfigError. */
  watchHealth(scope: HealthScope): HealthWatch | undefined;
}

interface Scope extends ClusterScope {
  readonly resolver: NameResolver;
}

/** Whether checks of one host say something of the other, both being at the same address. */
function isCheckedAlike({ endpoint: a }: ClusterHost, { endpoint: b }: ClusterHost): boolean {
  return a.check === b.check || JSON.stringify(a.check) === JSON.stringify(b.check);
}

function countPriorities(hosts: readonly ClusterHost[]): ReturnType<Priorities['counts']> {
  const byPriority = Map.groupBy(hosts, (host) => host.priority);
  return [...byPriority]
    .toSorted(([a], [b]) => a - b)
    .map(([priority, own]) => ({
      priority,
      hosts: own.length,
      total: own.filter((host) => !host.isExcluded).length,
      healthy: own.filter((host) => host.isHealthy && !host.isDegraded).length,
      degraded: own.filter((host) => host.isDegraded).length,
    }));
}

/** Versions of hosts, over all clusters: one that takes the place of another has not the same. */
let lastHostsVersion = 0;
const nextHostsVersion = (): number => ++lastHostsVersion;

/** A running cluster: hosts that keep their identity while endpoints come and go. */
export class RuntimeCluster implements MutableCluster {
  readonly name: string;
  readonly edsName: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly connectTimeoutMs: number;
  readonly limits: Limits;
  readonly http: HttpSettings;
  readonly sourceAddresses: readonly string[];
  readonly stats: StatsScope;
  readonly #settings: ClusterSettings;
  readonly #scope: Scope;
  readonly #transports: Transports;
  readonly #health: HealthWatch | undefined;
  readonly #outlier: OutlierDetector | undefined;
  readonly #discovery: Discovery;
  readonly #hostOwner: HostOwner;
  #ticker: NodeJS.Timeout | undefined;
  #hosts = new Map<string, ClusterHost>();
  #hostList: readonly ClusterHost[] = [];
  #overprovisioning = NO_ENDPOINTS.overprovisioning;
  #picker: Picker = () => undefined;
  #hostsVersion = 0;
  #dropShare: number | undefined;
  #hasEndpoints = false;
  #isClosed = false;
  readonly #waiters = new WarmWaiters(() => this.isWarm);
  readonly #priorities = { version: 1, counts: () => countPriorities(this.#hostList) };

  /** Throws ConfigError, having started nothing. */
  constructor(settings: ClusterSettings, transports: Transports, scope: Scope) {
    this.#settings = settings;
    this.#scope = scope;
    this.#transports = transports;
    this.name = settings.name;
    this.edsName = settings.discovery.edsName;
    this.metadata = settings.metadata;
    this.connectTimeoutMs = settings.connectTimeoutMs;
    this.limits = settings.limits;
    this.http = settings.http;
    this.sourceAddresses = settings.sourceAddresses;
    this.stats = scope.stats;
    this.#hostOwner = {
      cluster: this,
      onFailed: (host) => this.#failed(host),
      clock: scope.clock,
      onOutcome: (host, outcome, turn) => this.#report(host, outcome, turn),
    };
    const hosts = (): readonly ClusterHost[] => this.#hostList;
    const onChange = (): void => this.#healthChanged();
    const onPassed = (host: ClusterHost): void => this.#outlier?.onPassed(host);
    this.#health = settings.watchHealth({ ...scope, cluster: this, transports, hosts, onChange, onPassed });
    this.#outlier = settings.outlier && this.#createOutlier(settings.outlier, { ...scope, hosts, onChange });
    this.#discovery = settings.discovery.create({
      ...scope,
      clusterName: this.name,
      findCluster: (name) => scope.findCluster?.(name),
      isTls: transports.choose({}).isTls,
      hosts,
      assign: (assignment) => this.#assign(assignment),
      add: (endpoint) => this.#add(endpoint),
      remove: (gone) => this.#remove(gone),
    });
    if (settings.outlier !== undefined)
      this.#ticker = setInterval(() => this.#outlier?.tick(), timerMs(settings.outlier.intervalMs)).unref();
    transports.onReady(() => this.#waiters.check());
    this.#discovery.start();
  }

  #createOutlier(settings: OutlierSettings, scope: OutlierScope): OutlierDetector {
    const { clock, outlierLog } = this.#scope;
    if (outlierLog === undefined) return new OutlierDetector(settings, scope);
    const onEvent: OutlierScope['onEvent'] = (host, event) =>
      outlierLog.write(outlierLine(this.name, host, event, { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }));
    return new OutlierDetector(settings, { ...scope, onEvent });
  }

  get hosts(): readonly ClusterHost[] {
    return this.#hostList;
  }

  get dropShare(): number | undefined {
    return this.#dropShare;
  }

  get dynamicNames(): DynamicNames | undefined {
    return this.#discovery.dynamicNames;
  }

  get priorities(): Priorities {
    return this.#priorities;
  }

  get hostsVersion(): number {
    return this.#hostsVersion;
  }

  get isWarm(): boolean {
    return this.#hasEndpoints && this.#transports.isReady && this.#health?.isReady !== false;
  }

  onWarm(callback: () => void): void {
    this.#waiters.add(callback);
  }

  update(message: ClusterLoadAssignment): void {
    if (!this.#isClosed) this.#discovery.onEndpoints?.(message);
  }

  #createHost(endpoint: Endpoint): ClusterHost {
    const host = new ClusterHost(endpoint, this.#transports.choose(endpoint.metadata), this.#hostOwner);
    if (endpoint.additional !== undefined && endpoint.additional.length > 0)
      host.addresses = orderAddresses([endpoint.address, ...endpoint.additional], this.#settings.addressOrder);
    this.#outlier?.watch(host);
    return host;
  }

  #report(host: ClusterHost, outcome: Outcome, turn: number): void {
    // what a host that has left comes to is nobody's business: it would count as ejected for ever
    if (this.#isClosed || host.isDraining) return;
    this.#outlier?.report(host, outcome);
    this.#health?.report?.(host, outcome, turn);
  }

  /** Replaces the set of endpoints; hosts whose address and transport stay are kept. */
  #assign({ endpoints, overprovisioning, dropShare }: Assignment): void {
    this.#overprovisioning = overprovisioning;
    this.#dropShare = dropShare;
    const next = new Map<string, ClusterHost>();
    for (const endpoint of endpoints) {
      const fresh = this.#createHost(endpoint);
      if (next.has(fresh.key)) continue;
      const former = this.#hosts.get(fresh.key);
      const isSame = former?.transport === fresh.transport && former.hostname === fresh.hostname && isCheckedAlike(former, fresh);
      if (isSame) {
        former.assign(endpoint);
        former.addresses = fresh.addresses;
      }
      next.set(fresh.key, isSame ? former : fresh);
    }
    if (this.#settings.keepsChecked) this.#keepPassing(next);
    this.#hasEndpoints = true;
    this.#setHosts(next);
    this.#waiters.check();
  }

  #keepPassing(next: Map<string, ClusterHost>): void {
    for (const host of this.#hostList) {
      if (next.has(host.id) || host.check?.isFailing !== false) continue;
      host.isPendingRemoval = true;
      next.set(host.id, host);
    }
  }

  #add(endpoint: Endpoint): ClusterHost {
    const host = this.#createHost(endpoint);
    this.#setHosts(new Map(this.#hosts).set(host.id, host));
    return host;
  }

  #remove(hosts: readonly ClusterHost[]): void {
    if (hosts.length === 0) return;
    const next = new Map(this.#hosts);
    for (const host of hosts) if (next.get(host.id) === host) next.delete(host.id);
    this.#setHosts(next);
  }

  #setHosts(next: Map<string, ClusterHost>): void {
    const former = this.#hosts;
    const gone = this.#hostList.filter((host) => next.get(host.id) !== host);
    this.#hosts = next;
    this.#hostList = [...next.values()];
    const added = this.#hostList.filter((host) => former.get(host.id) !== host);
    if (gone.length > 0 || added.length > 0) {
      this.stats.counter('membership_change').value++;
      this.#health?.onHosts(added, gone);
      if (this.#settings.renewsOnChange) for (const host of this.#hostList) this.#scope.onHostFailed?.(host);
    }
    for (const host of gone) this.#retire(host);
    this.#rebuild();
  }

  /** A host that has left: nobody chooses it any more, what it carries goes on. */
  #retire(host: ClusterHost): void {
    host.isDraining = true;
    this.#outlier?.forget(host);
    this.#scope.onHostRemoved?.(host);
  }

  #failed(host: ClusterHost): void {
    this.#scope.onHostFailed?.(host);
    this.#transports.hostFailed(host);
  }

  #healthChanged(): void {
    if (this.#isClosed) return;
    const gone = this.#hostList.filter((host) => host.isPendingRemoval && host.check?.isFailing !== false);
    if (gone.length > 0) return this.#remove(gone);
    this.#rebuild();
    this.#waiters.check();
  }

  #rebuild(): void {
    this.#hostsVersion = nextHostsVersion();
    this.#priorities.version++;
    if (this.#discovery.pick === undefined) {
      this.#picker = buildPicker(this.#hostList, this.#overprovisioning, this.#settings.balancing, this.#scope);
    }
    this.#countMembers();
  }

  #countMembers(): void {
    const { hosts } = this;
    this.stats.gauge('membership_total').value = hosts.length;
    this.stats.gauge('membership_healthy').value = hosts.filter((host) => host.isHealthy && !host.isDegraded).length;
    this.stats.gauge('membership_degraded').value = hosts.filter((host) => host.isDegraded).length;
    this.stats.gauge('membership_excluded').value = hosts.filter((host) => host.isExcluded).length;
  }

  pick(context: PickContext): Host | undefined {
    const discovery = this.#discovery;
    const host = discovery.pick === undefined ? this.#pickBalanced(context) : discovery.pick(context);
    if (host === undefined) this.stats.counter('upstream_cx_none_healthy').value++;
    return host;
  }

  #pickBalanced(context: PickContext): Host | undefined {
    const { avoid, avoidAttempts, override, omits } = context;
    if (override !== undefined) {
      const wanted = this.#pickOverride(override.keys);
      if (wanted !== undefined || override.isStrict) return wanted;
    }
    let host = this.#picker(context, 0);
    if (avoid.length === 0 && omits === undefined) return host;
    for (let attempt = 1; attempt < avoidAttempts && host !== undefined; attempt++) {
      if (!avoid.includes(host) && omits?.(host) !== true) break;
      host = this.#picker(context, attempt);
    }
    return host;
  }

  #pickOverride(keys: readonly string[]): Host | undefined {
    for (const key of keys) {
      const host = this.#hosts.get(key);
      if (host !== undefined && this.#settings.balancing.allowsOverride(host)) return host;
    }
    return undefined;
  }

  succeed(former: Cluster): void {
    const sinceMs = new Map(former.hosts.filter((host) => host.isHealthy).map((host) => [host.key, host.healthySinceMs ?? -Infinity]));
    for (const host of this.#hostList) host.healthySinceMs = Math.min(host.healthySinceMs, sinceMs.get(host.key) ?? Infinity);
    // balancers know how old the youngest of their hosts is
    this.#rebuild();
  }

  close(keepsStats = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#ticker);
    this.#discovery.close();
    this.#health?.close();
    this.#transports.close();
    for (const host of this.hosts) this.#retire(host);
    if (!keepsStats) this.stats.drop();
  }
}
