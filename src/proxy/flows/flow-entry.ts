/** Entries of flow records: Envoy's, less what is secret. It is taken out here, so that it never leaves the proxy. */
import { redactHeader, redactPath } from '../../core/redact.ts';
import { fromBinary } from '@bufbuild/protobuf';
import {
  type AccessLogCommon,
  type HTTPAccessLogEntry,
  HTTPAccessLogEntrySchema,
  type TCPAccessLogEntry,
  TCPAccessLogEntrySchema,
} from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { AlsSettings } from '../telemetry/log-service/als.ts';
import { httpEntry, tcpEntry } from '../telemetry/log-service/als-entry.ts';
import { FLOW_TAG } from '../../core/flow-log.ts';
import { peerOf } from '../telemetry/peer-exchange.ts';

/** Istio's name for the identity that a tunnel's client has called. */
const LOCAL_PRINCIPAL = 'io.istio.local_principal';

/** Filters may leave claims of tokens, and answers of authorizers; of them only what rules said is told. */
function keepRules({ metadata }: AccessLogCommon): void {
  if (metadata === undefined) return;
  for (const name of Object.keys(metadata.filterMetadata)) if (!name.endsWith('.rbac')) delete metadata.filterMetadata[name];
}

/** The other side's workload as peers have told each other, where the configuration does not know it. */
function tellPeer(common: AccessLogCommon, info: StreamInfo): void {
  if (common.customTags[FLOW_TAG.peer] !== undefined) return;
  const peer = peerOf(info);
  if (peer !== undefined && peer.workload !== '') common.customTags[FLOW_TAG.peer] = `${peer.workload};${peer.namespace}`;
}

/** Who the two ends are of the tunnel that a connection came through. */
function tellTunnel({ customTags, tlsProperties }: AccessLogCommon, { connection }: StreamInfo): void {
  if (tlsProperties?.peerCertificateProperties !== undefined || connection.principal === '') return;
  customTags[FLOW_TAG.tunnelPeer] = connection.principal;
  customTags[FLOW_TAG.tunnelLocal] = connection.filterState?.get(LOCAL_PRINCIPAL) ?? '';
}

function finish(common: AccessLogCommon | undefined, info: StreamInfo): void {
  if (common === undefined) return;
  keepRules(common);
  tellPeer(common, info);
  tellTunnel(common, info);
}

/** A request's entry, with these of its headers. */
export function httpFlowEntry(info: StreamInfo, settings: AlsSettings, headers: readonly string[]): HTTPAccessLogEntry {
  const entry = fromBinary(HTTPAccessLogEntrySchema, httpEntry(info, { ...settings, requestFields: headers }));
  finish(entry.commonProperties, info);
  const { request } = entry;
  if (request === undefined) return entry;
  request.path = redactPath(request.path);
  request.originalPath = redactPath(request.originalPath);
  request.referer = redactPath(request.referer);
  for (const [name, value] of Object.entries(request.requestHeaders)) request.requestHeaders[name] = redactHeader(name, value);
  return entry;
}

/** A connection's entry. */
export function tcpFlowEntry(info: StreamInfo, settings: AlsSettings): TCPAccessLogEntry {
  const entry = fromBinary(TCPAccessLogEntrySchema, tcpEntry(info, settings));
  finish(entry.commonProperties, info);
  return entry;
}
