/** The tracers that Tulle has. One serves all connection managers of an event loop that are configured alike, as in Envoy. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';
import type { Clock } from '../../core/clock.ts';
import type { Tracing_Http } from '../../xds/gen/envoy/config/trace/v3/http_tracer_pb.ts';
import { OpenTelemetryConfigSchema } from '../../xds/gen/envoy/config/trace/v3/opentelemetry_pb.ts';
import { ZipkinConfigSchema } from '../../xds/gen/envoy/config/trace/v3/zipkin_pb.ts';
import type { ClusterManager } from '../cluster/cluster.ts';
import { typeNameOf } from '../config/typed-config.ts';
import type { LocalNode } from '../http/filter.ts';
import type { StatsScope } from '../telemetry/stats.ts';
import { createOpenTelemetry } from './opentelemetry.ts';
import type { Tracer } from './span.ts';
import { createZipkin } from './zipkin.ts';

/** What tracers use of the proxy. */
export interface TracerScope {
  readonly stats: StatsScope;
  readonly clusters: ClusterManager;
  readonly clock: Clock;
  readonly node: LocalNode;
  /** Of this program. */
  readonly version: string;
}

type CreateTracer = (any: Any, path: string, scope: TracerScope) => Tracer;

const KINDS: ReadonlyMap<string, CreateTracer> = new Map([
  [OpenTelemetryConfigSchema.typeName, createOpenTelemetry],
  [ZipkinConfigSchema.typeName, createZipkin],
]);

const byLoop = new WeakMap<ClusterManager, Map<string, Tracer>>();
/** Configurations of tracers that are kept for one loop: each holds a batch of spans and no more. */
const MAX_TRACERS = 256;

/** The tracer of `provider`, which stands at `path`. Throws ConfigError for one that Tulle does not have. */
export function tracerFor(provider: Tracing_Http, path: string, scope: Omit<TracerScope, 'version'>): Tracer {
  const any = provider.configType.value;
  const create = any === undefined ? undefined : KINDS.get(typeNameOf(any));
  if (any === undefined || create === undefined)
    throw new ConfigError(
      path,
      `tracer ${provider.name} is not supported by Tulle; envoy.tracers.opentelemetry and envoy.tracers.zipkin are`,
    );
  const key = `${any.typeUrl} ${Buffer.from(any.value).toString('base64')}`;
  let tracers = byLoop.get(scope.clusters);
  if (tracers === undefined) byLoop.set(scope.clusters, (tracers = new Map()));
  let tracer = tracers.get(key);
  if (tracer === undefined) {
    if (tracers.size >= MAX_TRACERS) tracers.clear();
    tracers.set(key, (tracer = create(any, `${path}.typed_config`, { ...scope, version: scope.node.version ?? '' })));
  }
  return tracer;
}
