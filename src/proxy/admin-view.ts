/** The running proxy as its admin interface sees it. */
import { isMessage } from '@bufbuild/protobuf';
import { timerMs } from '../core/timer-limit.ts';
import type { LeveledLog } from '../core/log.ts';
import { type Bootstrap, BootstrapSchema } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { TrafficDirection } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { LISTENER_TYPE } from '../xds/types.ts';
import type { AdminOptions } from './admin/server.ts';
import type { AdminView, ServerState } from './admin/view.ts';
import type { Assembly } from './assembly.ts';
import type { EventLoops } from './workers/event-loops.ts';

export interface ViewOptions {
  readonly assembly: Assembly;
  readonly loops: EventLoops;
  readonly bootstrap: Bootstrap;
  readonly version: string;
  readonly log: LeveledLog;
  readonly state: () => ServerState;
  readonly setHealth: (isHealthy: boolean) => void;
  readonly handOver: (socketPath: string) => string | undefined;
  readonly reopenLogs: () => void;
  /** Brings what the proxy itself costs up to date. */
  readonly readCost: () => void;
  readonly quit: () => void;
}

/** Where a bootstrap wants the admin interface; undefined where nowhere. */
export function adminAddressOf({ admin }: Bootstrap): AdminOptions['address'] | undefined {
  const address = admin?.address?.address;
  if (address?.case === 'pipe') return { path: address.value.path };
  if (address?.case !== 'socketAddress') return undefined;
  const { address: host, portSpecifier } = address.value;
  return { host, port: portSpecifier.case === 'portValue' ? portSpecifier.value : 0 };
}

/** Names of listeners whose traffic comes in, as their configuration says. */
function inboundNames(assembly: Assembly): Set<string> {
  const names = new Set<string>();
  for (const { typeUrl, name, message } of assembly.resources.all()) {
    if (typeUrl === LISTENER_TYPE && isMessage(message, ListenerSchema) && message.trafficDirection === TrafficDirection.INBOUND)
      names.add(name);
  }
  return names;
}

/** Stops listeners, after the drain time where clients are to leave by themselves before. Envoy: `/drain_listeners`. */
function drainListeners({ assembly, loops }: ViewOptions, isInboundOnly: boolean, isGraceful: boolean): void {
  const inbound = isInboundOnly ? inboundNames(assembly) : undefined;
  const names = [...assembly.listeners.active()].map(({ name }) => name).filter((name) => inbound?.has(name) ?? true);
  const isMeant = ({ name }: { readonly name: string }): boolean => names.includes(name);
  const stop = (): void => {
    assembly.listeners.drain(isMeant);
    loops.broadcast({ kind: 'leave', names, stops: true });
  };
  if (!isGraceful) return stop();
  assembly.listeners.askToLeave(isMeant);
  loops.broadcast({ kind: 'leave', names, stops: false });
  setTimeout(stop, timerMs(assembly.drainMs)).unref();
  return undefined;
}

/** Makes the view. */
export function createAdminView(options: ViewOptions): AdminView {
  const { assembly, loops, bootstrap, version, log, state, setHealth, handOver, reopenLogs, quit } = options;
  const startedMs = assembly.clock.wallMs();
  const { refresh } = loops;
  return {
    version,
    node: assembly.node,
    startedMs,
    get stats() {
      options.readCost();
      return loops.stats;
    },
    clusters: assembly.clusters,
    log: {
      ...log,
      get level() {
        return log.level;
      },
      set level(level) {
        log.level = level;
        loops.tell({ kind: 'level', level });
      },
    },
    state,
    bootstrap: () => ({ schema: BootstrapSchema, message: bootstrap, updatedMs: startedMs }),
    resources: () => assembly.resources.all(),
    listeners: () => [...assembly.listeners.active()].map(({ name, boundAddresses }) => ({ name, addresses: boundAddresses })),
    secrets: () => assembly.secrets.status(),
    certificates: () => [...assembly.secrets.uses],
    ...(refresh === undefined ? {} : { refresh }),
    otherCounts: (cluster, hostKey) => loops.otherCounts(cluster, hostKey),
    setHealth,
    drainListeners: ({ isInboundOnly, isGraceful }) => drainListeners(options, isInboundOnly, isGraceful),
    handOver,
    crashLoop: (loop) => loops.crash(loop),
    reopenLogs,
    quit,
  };
}
