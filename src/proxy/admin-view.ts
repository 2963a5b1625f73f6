/** The running proxy as its admin interface sees it. */
import type { LeveledLog } from '../core/log.ts';
import { type Bootstrap, BootstrapSchema } from '../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { TrafficDirection } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ListenerSchema } from '../xds/gen/envoy/config/listener/v3/listener_pb.ts';
import { isMessage } from '@bufbuild/protobuf';
import { LISTENER_TYPE } from '../xds/types.ts';
import type { AdminView, ServerState } from './admin/view.ts';
import type { Assembly } from './assembly.ts';

export interface ViewOptions {
  readonly assembly: Assembly;
  readonly bootstrap: Bootstrap;
  readonly version: string;
  readonly log: LeveledLog;
  readonly state: () => ServerState;
  readonly quit: () => void;
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

/** Makes the view. */
export function createAdminView({ assembly, bootstrap, version, log, state, quit }: ViewOptions): AdminView {
  const startedMs = assembly.clock.wallMs();
  return {
    version,
    node: assembly.node,
    startedMs,
    stats: assembly.stats,
    clusters: assembly.clusters,
    log,
    state,
    bootstrap: () => ({ schema: BootstrapSchema, message: bootstrap, updatedMs: startedMs }),
    resources: () => assembly.resources.all(),
    listeners: () => [...assembly.listeners.active()].map(({ name, boundAddresses }) => ({ name, addresses: boundAddresses })),
    secrets: () => assembly.secrets.status(),
    setHealth(isHealthy) {
      assembly.health.isFailing = !isHealthy;
      assembly.ads?.health(isHealthy, isHealthy ? '' : 'the workload says so');
    },
    drainListeners({ isInboundOnly }) {
      const inbound = isInboundOnly ? inboundNames(assembly) : undefined;
      assembly.listeners.drain((listener) => inbound?.has(listener.name) ?? true);
    },
    reopenLogs: () => assembly.logSink.reopen(),
    quit,
  };
}
