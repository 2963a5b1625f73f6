/** What a proxy tells of a request, where a Telemetry says so: read off the connection manager that it was sent. */
import { telemetriesFor } from '../../compile/emit/telemetry-rules.ts';
import { FLOW_LOG } from '../../core/flow-log.ts';
import { decodeTyped } from '../../proxy/config/typed-config.ts';
import type { AccessLog } from '../../xds/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { FileAccessLogSchema } from '../../xds/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts';
import { ExpressionFilterSchema } from '../../xds/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import { HttpGrpcAccessLogConfigSchema } from '../../xds/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.ts';
import type { HttpConnectionManager } from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Trail } from './explanation.ts';
import type { Stop } from './journey.ts';

const FILE = 'envoy.access_loggers.file';
const GRPC = 'envoy.access_loggers.http_grpc';

function conditionOf({ filter }: AccessLog): string {
  if (filter?.filterSpecifier.case !== 'extensionFilter') return '';
  const { configType } = filter.filterSpecifier.value;
  return configType.case === undefined
    ? ''
    : ` where ${decodeTyped(configType.value, ExpressionFilterSchema, 'access_log.filter').expression}`;
}

/** True for the logger that tells the control plane of flows, which no Telemetry asks for. */
function isFlowLog({ name, configType }: AccessLog): boolean {
  if (name !== GRPC || configType.case !== 'typedConfig') return false;
  return decodeTyped(configType.value, HttpGrpcAccessLogConfigSchema, 'access_log').commonConfig?.logName === FLOW_LOG;
}

function logText(log: AccessLog): string {
  const { name, configType } = log;
  const isFile = name === FILE && configType.case === 'typedConfig';
  const to = isFile ? decodeTyped(configType.value, FileAccessLogSchema, 'access_log').path : name;
  return `to ${to}${conditionOf(log)}`;
}

function tracesText({ tracing }: HttpConnectionManager): string {
  if (tracing === undefined) return 'not traced';
  const share = `${tracing.randomSampling?.value ?? 0}%`;
  return tracing.provider === undefined ? `sampled (${share}), without spans` : `${share} traced, by ${tracing.provider.name}`;
}

/** Adds the step that tells it, where a Telemetry is for the workload of `stop`. */
export function tellTelemetry({ journey, config }: Stop, hcm: HttpConnectionManager, trail: Trail): void {
  const { mesh } = journey.world;
  const rules = telemetriesFor(mesh.telemetries, mesh.settings.rootNamespace, config.node);
  const last = rules.at(-1);
  if (last === undefined) return;
  const loggers = hcm.accessLog.filter((log) => !isFlowLog(log));
  const logs = loggers.length === 0 ? 'not logged' : `logged ${loggers.map(logText).join(' and ')}`;
  const counted = hcm.httpFilters.some(({ name }) => name === 'istio.stats') ? 'counted' : 'not counted';
  const notes = rules.slice(0, -1).map(({ origin }) => ({ text: 'over what this says', source: origin }));
  trail.add('telemetry', `${logs}; ${tracesText(hcm)}; ${counted}`, { source: last.origin, notes });
}
