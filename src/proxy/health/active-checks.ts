/** Active health checks of one cluster: a session a host. Envoy: "Health checking". */
import { ConfigError } from '../../core/errors.ts';
import type { Cluster as ClusterProto } from '../../xds/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { HealthCheck } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import type { Transport } from '../cluster/cluster.ts';
import { checkAddressOf } from '../cluster/endpoints.ts';
import { ClusterHost } from '../cluster/host.ts';
import type { HttpSettings } from '../cluster/http-options.ts';
import { timersOf } from '../timers.ts';
import { createEventLog, eventLine, readEventFiles } from './check-events.ts';
import { CheckSession, type SessionScope } from './check-session.ts';
import { type CheckSettings, readCheckSettings } from './check-settings.ts';
import { CheckState } from './check-state.ts';
import { createCheckStats } from './check-stats.ts';
import { readGrpcCheck } from './grpc-check.ts';
import type { HealthScope, HealthWatch } from './health-watch.ts';
import { readHttpCheck } from './http-check.ts';
import type { ProbeKind, ProbeTarget } from './probe.ts';
import { readTcpCheck } from './tcp-check.ts';

/** Who cares for a host that nobody sends traffic to. */
const NO_OWNER = { clock: { monotonicMs: () => 0 }, onOutcome() {} };

/** The namespace of endpoint metadata by which transport sockets are chosen. */
const SOCKET_MATCH = 'envoy.transport_socket_match';

/** A response with this field says that the host wants no more traffic. */
const UNWELL = 'x-envoy-immediate-health-check-fail';

/** What a cluster's health check asks for, read and checked. */
export interface ChecksPlan {
  readonly settings: CheckSettings;
  readonly kind: ProbeKind;
  readonly eventFiles: readonly string[];
  /** `ignore_new_hosts_until_first_hc`. */
  readonly ignoresNewHosts: boolean;
}

function readKind({ healthChecker: { case: kind, value } }: HealthCheck, path: string): ProbeKind {
  switch (kind) {
    case 'httpHealthCheck':
      return readHttpCheck(value, `${path}.http_health_check`);
    case 'tcpHealthCheck':
      return readTcpCheck(value, `${path}.tcp_health_check`);
    case 'grpcHealthCheck':
      return readGrpcCheck(value, `${path}.grpc_health_check`);
    case 'customHealthCheck':
      throw new ConfigError(`${path}.custom_health_check`, `"${value.name}" is not supported by Tulle; it has http, tcp and grpc checks`);
    case undefined:
      throw new ConfigError(path, 'none of http_health_check, tcp_health_check and grpc_health_check is given');
  }
}

/**
 * Reads `health_checks` of a cluster that speaks `upstream`; undefined where it has none. `path` is the cluster's. Throws
 * ConfigError.
 */
export function readChecks(config: ClusterProto, path: string, upstream: HttpSettings['upstreamProtocol']): ChecksPlan | undefined {
  const [check, second] = config.healthChecks;
  if (check === undefined) return undefined;
  if (second !== undefined) throw new ConfigError(`${path}.health_checks[1]`, 'only one health check is supported by Tulle');
  const at = `${path}.health_checks[0]`;
  if (check.healthChecker.case === 'grpcHealthCheck' && upstream === 'http1')
    throw new ConfigError(`${at}.grpc_health_check`, 'the cluster speaks HTTP/1.1, and gRPC needs HTTP/2');
  return {
    settings: readCheckSettings(check, at),
    kind: readKind(check, at),
    eventFiles: readEventFiles(check, at),
    ignoresNewHosts: config.commonLbConfig?.ignoreNewHostsUntilFirstHc ?? false,
  };
}

/** A host like `host` for checks alone: at the address where it is checked, and behind `transport`. */
function checkedHost(host: ClusterHost, transport: Transport): ClusterHost {
  return new ClusterHost({ ...host.endpoint, address: checkAddressOf({ ...host.endpoint, address: host.address }) }, transport, NO_OWNER);
}

/** The checks of one running cluster. */
export class ActiveChecks implements HealthWatch {
  readonly #plan: ChecksPlan;
  readonly #scope: HealthScope;
  readonly #session: SessionScope;
  readonly #sessions = new Map<ClusterHost, CheckSession>();
  #hasBegun: boolean;
  #wasReady = false;

  constructor(plan: ChecksPlan, scope: HealthScope) {
    this.#plan = plan;
    this.#scope = scope;
    this.#session = this.#createScope();
    const { transports } = scope;
    this.#hasBegun = transports.isReady;
    // without its secrets a check would fail for no fault of the host's
    if (!this.#hasBegun) transports.onReady(() => this.#begin());
  }

  #createScope(): SessionScope {
    const { cluster, clock, random, onChange, onPassed, logSink } = this.#scope;
    const { settings, kind, eventFiles } = this.#plan;
    const log = createEventLog(eventFiles, logSink);
    const connections = cluster.stats.counter('upstream_cx_total');
    return {
      settings,
      stats: createCheckStats(cluster.stats),
      random,
      timers: timersOf(clock),
      hasTraffic: () => connections.value > 0,
      onEvent: (host, event) => log.write(eventLine(kind.type, cluster.name, host, event, clock.wallMs())),
      onStep(host, result, { transition }) {
        host.refreshHealth();
        if (result.kind === 'passed' && host.check?.isFailing === false) onPassed(host);
        if (transition === 'changed') onChange(host);
        else onChange(undefined);
      },
    };
  }

  /** Every host of the cluster's first assignment has had a check. */
  get isReady(): boolean {
    this.#wasReady ||= [...this.#sessions.values()].every(({ state }) => !state.isFirst);
    return this.#wasReady;
  }

  onHosts(added: readonly ClusterHost[], removed: readonly ClusterHost[]): void {
    for (const host of removed) this.#leave(host);
    const sessions = added.filter(({ endpoint }) => endpoint.check?.isDisabled !== true).map((host) => this.#join(host));
    if (this.#hasBegun) for (const session of sessions) session.start();
  }

  #begin(): void {
    if (this.#hasBegun || !this.#scope.transports.isReady) return;
    this.#hasBegun = true;
    for (const session of this.#sessions.values()) session.start();
  }

  #join(host: ClusterHost): CheckSession {
    const state = new CheckState(this.#plan.ignoresNewHosts);
    const session = new CheckSession(host, state, this.#session, (onResult) => this.#plan.kind.create(this.#target(host), onResult));
    host.check = state;
    host.addHeadReader(({ headers }) => {
      if (headers.has(UNWELL)) session.fail();
    });
    host.refreshHealth();
    this.#sessions.set(host, session);
    return session;
  }

  #leave(host: ClusterHost): void {
    const session = this.#sessions.get(host);
    if (session === undefined) return;
    this.#sessions.delete(host);
    const { healthy, degraded } = this.#session.stats;
    if (!session.state.isFailing) healthy.value--;
    if (session.state.isDegraded) degraded.value--;
    session.close();
  }

  #target(host: ClusterHost): ProbeTarget {
    const { settings } = this.#plan;
    const { cluster, clock, transports } = this.#scope;
    const { endpoint } = host;
    const { transportCriteria, timeoutMs, reusesConnection, alpn } = settings;
    const transport = transportCriteria === undefined ? host.transport : transports.choose({ [SOCKET_MATCH]: transportCriteria });
    let { address } = host;
    let checked = checkedHost(host, transport);
    return {
      get host() {
        if (host.address !== address) checked = checkedHost(host, transport);
        ({ address } = host);
        return checked;
      },
      hostname: endpoint.check?.hostname ?? '',
      cluster,
      clock,
      timeoutMs,
      reusesConnection,
      alpn,
      onVerified: () => void this.#session.stats.verifyCluster.value++,
    };
  }

  close(): void {
    for (const host of this.#sessions.keys()) this.#leave(host);
  }
}
