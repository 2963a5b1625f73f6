import net from 'node:net';
import { ConfigError } from '../../core/errors.ts';
import type { ClusterLoadAssignment } from '../../xds/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { WarmWaiters } from '../warm-waiters.ts';
import { type BalancerSettings, buildPicker, type Picker } from './balancer.ts';
import type { ClusterScope, MutableCluster } from './mutable-cluster.ts';
import type { Host, Limits, Outcome, PickContext } from './cluster.ts';
import { DnsRefresher, type DnsSettings } from './dns-refresh.ts';
import { type Assignment, type Endpoint, readAssignment } from './endpoints.ts';
import { ClusterHost } from './host.ts';
import type { HttpSettings } from './http-options.ts';
import { OriginalDestinations } from './original-dst.ts';
import { OutlierDetector } from './outlier.ts';
import type { OutlierSettings } from './outlier-settings.ts';
import type { NameResolver } from './resolver.ts';
import type { Transports } from './transports.ts';

/** A cluster's configuration, read and checked. */
export interface ClusterSettings {
  readonly name: string;
  readonly type: 'static' | 'dns' | 'eds' | 'original-dst';
  readonly edsName: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly connectTimeoutMs: number;
  readonly http: HttpSettings;
  readonly sourceAddresses: readonly string[];
  readonly limits: Limits;
  readonly balancing: BalancerSettings;
  readonly outlier: OutlierSettings | undefined;
  readonly dns: DnsSettings;
  readonly portOverride: number | undefined;
  readonly cleanupMs: number;
}

interface Scope extends ClusterScope {
  readonly resolver: NameResolver;
}

const NO_ENDPOINTS: Assignment = { endpoints: [], overprovisioning: 1.4 };

/** True where an endpoint can be connected to as it is: an IP address or a Unix socket. */
function isConnectable(endpoint: Endpoint): boolean {
  return endpoint.address.host.startsWith('/') || net.isIP(endpoint.address.host) !== 0;
}

function refuseNames(assignment: Assignment, path: string): void {
  const named = assignment.endpoints.find((endpoint) => !isConnectable(endpoint));
  if (named !== undefined)
    throw new ConfigError(path, `${named.address.host} is not an IP address, and a cluster of this type resolves no names`);
}

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
  readonly #outlier: OutlierDetector | undefined;
  readonly #originals: OriginalDestinations | undefined;
  readonly #dns: DnsRefresher | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #hosts = new Map<string, ClusterHost>();
  #hostList: readonly ClusterHost[] = [];
  #overprovisioning = NO_ENDPOINTS.overprovisioning;
  #picker: Picker = () => undefined;
  #hasEndpoints = false;
  #isClosed = false;
  readonly #waiters = new WarmWaiters(() => this.isWarm);

  constructor(settings: ClusterSettings, assignment: Assignment | undefined, transports: Transports, scope: Scope) {
    this.#settings = settings;
    this.#scope = scope;
    this.#transports = transports;
    this.name = settings.name;
    this.edsName = settings.edsName;
    this.metadata = settings.metadata;
    this.connectTimeoutMs = settings.connectTimeoutMs;
    this.limits = settings.limits;
    this.http = settings.http;
    this.sourceAddresses = settings.sourceAddresses;
    this.stats = scope.stats;
    this.#outlier = this.#createOutlier();
    this.#originals =
      settings.type === 'original-dst'
        ? new OriginalDestinations(settings.portOverride, (endpoint) => this.#createHost(endpoint))
        : undefined;
    this.#dns = settings.type === 'dns' ? this.#createDns() : undefined;
    transports.onReady(() => this.#waiters.check());
    this.#begin(assignment ?? NO_ENDPOINTS);
  }

  #begin(assignment: Assignment): void {
    const { type } = this.#settings;
    if (type === 'static') refuseNames(assignment, 'load_assignment');
    if (this.#outlier !== undefined) this.#every(this.#settings.outlier?.intervalMs ?? 0, () => this.#outlier?.tick());
    if (this.#originals !== undefined) this.#every(this.#settings.cleanupMs, () => this.#sweep());
    this.#overprovisioning = assignment.overprovisioning;
    if (type === 'dns') this.#dns?.assign(assignment.endpoints);
    else if (type === 'static' || assignment.endpoints.length > 0) this.#assign(assignment.endpoints);
    else if (type === 'original-dst') this.#hasEndpoints = true;
  }

  #every(intervalMs: number, run: () => void): void {
    this.#timers.push(setInterval(run, intervalMs).unref());
  }

  #createOutlier(): OutlierDetector | undefined {
    const { outlier } = this.#settings;
    if (outlier === undefined) return undefined;
    const { clock, random, stats } = this.#scope;
    return new OutlierDetector(outlier, { clock, random, stats, hosts: () => this.hosts, onChange: () => this.#rebuild() });
  }

  #createDns(): DnsRefresher {
    const { resolver, log, stats } = this.#scope;
    return new DnsRefresher(this.#settings.dns, {
      resolver,
      log,
      clusterName: this.name,
      onEndpoints: (endpoints) => this.#assign(endpoints),
      onQuery(isAnswered) {
        stats.counter('update_attempt').value++;
        stats.counter(isAnswered ? 'update_success' : 'update_failure').value++;
      },
    });
  }

  #createHost(endpoint: Endpoint): ClusterHost {
    const transport = this.#transports.choose(endpoint.metadata);
    return new ClusterHost(endpoint, transport, (host, outcome) => this.#report(host, outcome));
  }

  #report(host: ClusterHost, outcome: Outcome): void {
    if (!this.#isClosed) this.#outlier?.report(host, outcome);
  }

  get hosts(): readonly ClusterHost[] {
    return this.#originals?.hosts ?? this.#hostList;
  }

  get isWarm(): boolean {
    return this.#hasEndpoints && this.#transports.isReady;
  }

  onWarm(callback: () => void): void {
    this.#waiters.add(callback);
  }

  update(message: ClusterLoadAssignment): void {
    const assignment = readAssignment(message, message.clusterName);
    refuseNames(assignment, message.clusterName);
    if (this.#isClosed) return;
    this.stats.counter('update_success').value++;
    this.#overprovisioning = assignment.overprovisioning;
    this.#assign(assignment.endpoints);
  }

  /** Replaces the set of endpoints; hosts whose address and transport stay are kept. */
  #assign(endpoints: readonly Endpoint[]): void {
    const next = new Map<string, ClusterHost>();
    for (const endpoint of endpoints) {
      const fresh = this.#createHost(endpoint);
      if (next.has(fresh.key)) continue;
      const former = this.#hosts.get(fresh.key);
      const isSame = former !== undefined && former.transport === fresh.transport && former.hostname === fresh.hostname;
      if (isSame) former.assign(endpoint);
      next.set(fresh.key, isSame ? former : fresh);
    }
    const gone = this.#hostList.filter((host) => next.get(host.key) !== host);
    const isChanged = gone.length > 0 || next.size !== this.#hosts.size;
    this.#hosts = next;
    this.#hostList = [...next.values()];
    this.#hasEndpoints = true;
    if (isChanged) this.stats.counter('membership_change').value++;
    for (const host of gone) this.#retire(host);
    this.#rebuild();
    this.#waiters.check();
  }

  /** A host that has left: nobody chooses it any more, what it carries goes on. */
  #retire(host: ClusterHost): void {
    host.isDraining = true;
    this.#outlier?.forget(host);
    this.#scope.onHostRemoved?.(host);
  }

  #rebuild(): void {
    this.#picker = buildPicker(this.#hostList, this.#overprovisioning, this.#settings.balancing);
    this.#countMembers();
  }

  #countMembers(): void {
    const { hosts } = this;
    this.stats.gauge('membership_total').value = hosts.length;
    this.stats.gauge('membership_healthy').value = hosts.filter((host) => host.isHealthy && host.endpoint.health === 'healthy').length;
    this.stats.gauge('membership_degraded').value = hosts.filter((host) => host.isHealthy && host.endpoint.health === 'degraded').length;
  }

  #sweep(): void {
    for (const host of this.#originals?.sweep() ?? []) this.#retire(host);
    this.#countMembers();
  }

  pick(context: PickContext): Host | undefined {
    const host = this.#originals === undefined ? this.#pickBalanced(context) : this.#originals.pick(context);
    if (host === undefined) this.stats.counter('upstream_cx_none_healthy').value++;
    return host;
  }

  #pickBalanced({ hash, avoid, avoidAttempts, override, omits, excludedLevels }: PickContext): Host | undefined {
    if (override !== undefined) {
      const wanted = this.#pickOverride(override.keys);
      if (wanted !== undefined || override.isStrict) return wanted;
    }
    let host = this.#picker(hash, 0, excludedLevels);
    if (avoid.length === 0 && omits === undefined) return host;
    for (let attempt = 1; attempt < avoidAttempts && host !== undefined; attempt++) {
      if (!avoid.includes(host) && omits?.(host) !== true) break;
      host = this.#picker(hash, attempt, excludedLevels);
    }
    return host;
  }

  #pickOverride(keys: readonly string[]): Host | undefined {
    for (const key of keys) {
      const host = this.#hosts.get(key);
      if (host?.isHealthy === true) return host;
    }
    return undefined;
  }

  close(keepsStats = false): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#dns?.close();
    this.#transports.close();
    for (const host of this.hosts) this.#retire(host);
    if (!keepsStats) this.stats.drop();
  }
}
