import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Bag } from '../../core/bag.ts';
import type { Clock, Random } from '../../core/clock.ts';
import type { Log } from '../../core/log.ts';
import type { Connection } from '../../net/connection.ts';
import type { ClusterManager } from '../cluster/cluster.ts';
import type { FlowTeller } from '../flows/flow-teller.ts';
import type { LocalNode } from '../http/filter.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import type { Leaver } from '../listener/drain-state.ts';
import type { Overload } from '../overload/overload.ts';
import type { RouteSource } from '../router/route.ts';
import type { ScopeSource } from '../router/scoped-routes.ts';
import type { LogSink } from '../telemetry/log-sink.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import type { WorkInFlight } from '../tracing/work.ts';

/** What network filters are created with: the parts of the running proxy that they may use. */
export interface NetworkScope {
  readonly stats: StatsScope;
  readonly clusters: ClusterManager;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where access logs go. */
  readonly logSink: LogSink;
  readonly node: LocalNode;
  readonly direction: 'inbound' | 'outbound' | 'unspecified';
  readonly listenerMetadata: Readonly<Record<string, unknown>>;
  /** What is not done while the proxy is overloaded; absent for a listener that does everything. */
  readonly overload?: Overload | undefined;
  /** What the workload's application is at; absent where nobody knows. */
  readonly work?: WorkInFlight;
  /** Tells the control plane of streams; absent where nobody wants to know. */
  readonly flows?: FlowTeller | undefined;
  /** Told where every request is traced or has a line of a log; absent where that is nobody's business. */
  readonly onTellsOfAll?: () => void;
  /** A route table by RDS name; subscribes to it on first use. */
  routes(name: string): RouteSource;
  /** All scopes of SRDS; subscribes to them on first use. Absent where there is no server. */
  scopes?(): ScopeSource;
  /** True while the listener drains: answers should ask clients to leave. */
  isDraining(): boolean;
  /** Who is told when the listener begins to drain; absent where it never does. Whoever is added is taken away again. */
  readonly whenDraining?: Bag<Leaver>;
  /** True since `/healthcheck/fail`, until `/healthcheck/ok`; absent: never. */
  isFailingHealthChecks?(): boolean;
}

/** A filter that has to wait before it knows whether a connection goes on; nobody reads the connection meanwhile. */
interface Undecided {
  /** Calls `tell` once, later: true where the connection goes on, false where the filter has closed it. */
  whenDecided(tell: (goesOn: boolean) => void): void;
}

/** A filter that stands between the connection and those after it. */
interface Layered {
  /** What they get in place of the connection. */
  readonly layer: Connection;
}

/** What a filter does with connections; `info` is the connection's own, which the listener's access log has too. */
export interface NetworkHandler {
  /** Called once the connection is established (TLS done); returns false where it closed the connection, or is about to. */
  (connection: Connection, downstream: DownstreamConnection, info: StreamInfo): boolean | Undecided | Layered;
  /** A terminal filter's: another before it has refused the connection, so that it is only to be counted and logged. */
  refused?: (connection: Connection, downstream: DownstreamConnection, info: StreamInfo) => void;
}

/** A network filter: `create` gives a check that runs before the terminal filter, or the terminal filter itself. */
export interface NetworkFilter<Schema extends DescMessage = DescMessage, Config = unknown> {
  readonly name: string;
  readonly schema: Schema | undefined;
  /** For filters of TypedStructs: the type URL in it. */
  readonly structTypeUrl?: string;
  /** For those that come as their message too: it is parsed as the struct that it stands for. */
  readonly structSchema?: DescMessage;
  readonly isTerminal: boolean;
  parse(message: MessageShape<Schema>, path: string): Config;
  create(config: Config, scope: NetworkScope): NetworkHandler;
}
