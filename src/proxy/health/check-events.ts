/** Events of active health checks as lines of JSON. Envoy: data.core.v3.HealthCheckEvent. */
import { ConfigError } from '../../core/errors.ts';
import type { HealthCheck } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { HealthCheckEventFileSinkSchema } from '../../xds/gen/envoy/extensions/health_check/event_sinks/file/v3/file_pb.ts';
import type { ClusterHost } from '../cluster/host.ts';
import { decodeTyped } from '../config/typed-config.ts';
import type { LogSink } from '../telemetry/log-sink.ts';
import type { CheckEvent } from './check-state.ts';
import type { ProbeKind } from './probe.ts';

const FILE_SINK = 'envoy.health_check.event_sinks.file';

/** Files that events go to. Throws ConfigError for other sinks. `path` is the health check's. */
export function readEventFiles(config: HealthCheck, path: string): readonly string[] {
  if (config.eventService !== undefined) throw new ConfigError(`${path}.event_service`, 'is not supported by Tulle');
  const files = config.eventLogger.map(({ name, typedConfig }, i) => {
    const at = `${path}.event_logger[${i}]`;
    if (typedConfig === undefined) throw new ConfigError(at, `"${name}" is not supported by Tulle; it knows ${FILE_SINK}`);
    const file = decodeTyped(typedConfig, HealthCheckEventFileSinkSchema, `${at}.typed_config`).eventLogPath;
    if (file === '') throw new ConfigError(`${at}.typed_config.event_log_path`, 'is empty');
    return file;
  });
  return config.eventLogPath === '' ? files : [...files, config.eventLogPath];
}

function bodyOf(event: CheckEvent): object {
  switch (event.kind) {
    case 'eject_unhealthy':
      return { eject_unhealthy_event: { failure_type: event.type, http_status_code: event.status } };
    case 'failure':
      return { health_check_failure_event: { failure_type: event.type, first_check: event.isFirst, http_status_code: event.status } };
    case 'add_healthy':
      return { add_healthy_event: { first_check: event.isFirst } };
    case 'success':
      return { successful_health_check_event: {} };
    case 'degraded':
      return { degraded_healthy_host: {} };
    case 'no_longer_degraded':
      return { no_longer_degraded_host: {} };
  }
}

function addressOf({ address }: ClusterHost): object {
  if (address.host.startsWith('/')) return { pipe: { path: address.host, mode: 0 } };
  const more = { resolver_name: '', ipv4_compat: false, network_namespace_filepath: '' };
  return { socket_address: { protocol: 'TCP', address: address.host, port_value: address.port, ...more } };
}

/** One event as a line with its newline. `wallMs`: when it happened. */
export function eventLine(type: ProbeKind['type'], clusterName: string, host: ClusterHost, event: CheckEvent, wallMs: number): string {
  const { metadata, endpoint } = host;
  const [region = '', zone = '', sub = ''] = endpoint.locality.split('/');
  const line = {
    health_checker_type: type,
    host: addressOf(host),
    cluster_name: clusterName,
    timestamp: new Date(wallMs).toISOString(),
    ...bodyOf(event),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata: { filter_metadata: metadata, typed_filter_metadata: {} } }),
    locality: { region, zone, sub_zone: sub },
  };
  return `${JSON.stringify(line)}\n`;
}

/** Writes events of a cluster's checks to all of `files`. */
export function createEventLog(files: readonly string[], sink: LogSink | undefined): { write(line: string): void } {
  const targets = files.flatMap((file) => sink?.target(file) ?? []);
  return {
    write(line) {
      for (const target of targets) target.write(line);
    },
  };
}
