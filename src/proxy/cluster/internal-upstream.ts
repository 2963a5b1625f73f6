/**
 * The transport socket `internal_upstream`: connections to internal listeners take endpoint's and cluster's metadata
 * along, and filter state that is shared with upstreams. Envoy:
 * envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport.
 */
import { ConfigError } from '../../core/errors.ts';
import { internalListenerOf } from '../../net/address.ts';
import type { InternalUpstreamTransport } from '../../xds/gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.ts';
import { sharedStateOf } from '../http/shared-state.ts';
import type { Host, Transport } from './cluster.ts';
import { connectInternal, type FindInternal } from './internal-dial.ts';

type Metadata = Readonly<Record<string, unknown>>;

interface Source {
  readonly kind: 'host' | 'cluster';
  readonly namespace: string;
}

function readSources({ passthroughMetadata }: InternalUpstreamTransport, path: string): readonly Source[] {
  return passthroughMetadata.map(({ kind, name }, i) => {
    const at = `${path}.passthrough_metadata[${i}]`;
    const which = kind?.kind.case;
    if (name === '') throw new ConfigError(`${at}.name`, 'is empty');
    // as in Envoy, whose sockets are not made for single requests
    if (which !== 'host' && which !== 'cluster') throw new ConfigError(`${at}.kind`, `${which ?? 'nothing'} is not one of host, cluster`);
    return { kind: which, namespace: name };
  });
}

/** What each source has, by its namespace; the first of one namespace counts. */
function collect(sources: readonly Source[], host: Host, cluster: Metadata): ReadonlyMap<string, unknown> | undefined {
  let found: Map<string, unknown> | undefined;
  for (const { kind, namespace } of sources) {
    const value = (kind === 'host' ? host.metadata : cluster)[namespace];
    if (value !== undefined && found?.has(namespace) !== true) (found ??= new Map()).set(namespace, value);
  }
  return found;
}

/**
 * The transport of `config`, whose path is `path`. `inner` is that of its own transport_socket, by which endpoints with
 * addresses of sockets are reached; `metadata` is the cluster's.
 */
export function internalUpstream(
  config: InternalUpstreamTransport,
  path: string,
  inner: Transport,
  metadata: Metadata,
  find: FindInternal,
): Transport {
  if (inner.isTls) throw new ConfigError(`${path}.transport_socket`, 'TLS to internal listeners is not supported by Tulle; raw_buffer is');
  const sources = readSources(config, path);
  return {
    isTls: false,
    passesState: true,
    connect(host, options, handlers) {
      if (internalListenerOf(host.address) === undefined) return inner.connect(host, options, handlers);
      const state = options.shared ?? (options.info && sharedStateOf(options.info));
      return connectInternal(find, host.address, { metadata: collect(sources, host, metadata), state }, options.timeoutMs, handlers);
    },
  };
}
