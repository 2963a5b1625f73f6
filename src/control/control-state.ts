/** What every stream and every admin call of one control plane shares. */
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import type { TypeStatus } from '../xds/server.ts';
import type { Node } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { Authority } from './ca/authority.ts';
import type { Tokens } from './ca/tokens.ts';
import type { Compiler, ProxyNode } from './compiler.ts';
import type { DashboardPlace } from './dashboard/open.ts';
import type { OpenFlows } from './flows/open.ts';
import type { Metrics } from './metrics.ts';
import type { Pusher } from './push.ts';
import type { Registry } from './registry.ts';
import type { OpenVersions } from './rollout/open.ts';
import type { Signals } from './signals/signals.ts';
import type { FileTexts } from './sources/files.ts';

/** A connected proxy, to be looked at. */
export interface ConnectedProxy {
  readonly proxy: ProxyNode;
  readonly node: Node | undefined;
  readonly connectedAtMs: number;
  readonly isTrusted: boolean;
  readonly variant: { readonly name: string };
  readonly instance: Omit<WorkloadInstance, 'isReady'> | undefined;
  status(): readonly TypeStatus[];
  /** What it asks for by name of a type. */
  asked(typeUrl: string): readonly string[];
}

/** Statistics of streams, with Istio's names where it has them. */
export interface StreamStats {
  readonly pushes: ReturnType<Metrics['counter']>;
  readonly rejections: ReturnType<Metrics['counter']>;
  readonly expiredNonces: ReturnType<Metrics['counter']>;
  readonly convergence: ReturnType<Metrics['histogram']>;
  readonly signingRequests: ReturnType<Metrics['counter']>;
  readonly certificatesIssued: ReturnType<Metrics['counter']>;
}

/** One control plane. */
export interface ControlState {
  readonly compiler: Compiler;
  readonly authority: Authority;
  readonly tokens: Tokens;
  readonly registry: Registry;
  /** What is in force: what the folder holds, unless that is held back or tried. */
  readonly texts: () => FileTexts;
  readonly versions: OpenVersions;
  /** The folder that is watched; absolute. */
  readonly folder: string;
  /** Where the supervisor keeps each proxy's files; absolute. */
  readonly stateDir: string;
  readonly pusher: Pusher;
  readonly connections: Set<ConnectedProxy>;
  readonly dashboard: DashboardPlace;
  readonly stats: StreamStats;
  /** Requests and connections as proxies told of them. */
  readonly flows: OpenFlows;
  readonly metrics: Metrics;
  /** What proxies push of what they count. */
  readonly signals: Signals;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
