/** Entries of Envoy's access log service as flows. Source: envoy.data.accesslog.v3. */
import { isObject } from '../../core/object.ts';
import { FLOW_TAG } from '../../core/flow-log.ts';
import { redactHeader, redactPath } from '../../core/redact.ts';
import { formatSpiffeId, parseSpiffeId } from '../../core/spiffe.ts';
import { type Flow, type FlowEnd, type FlowRequest, NO_CHAIN_FOUND, PLAINTEXT_REFUSED, type Reporter } from '../../model/flow.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { Address } from '../../xds/gen/envoy/config/core/v3/address_pb.ts';
import { RequestMethod } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import {
  type AccessLogCommon,
  AccessLogType,
  type HTTPAccessLogEntry,
  type TCPAccessLogEntry,
  type TLSProperties_CertificateProperties as Certificate,
} from '../../xds/gen/envoy/data/accesslog/v3/accesslog_pb.ts';
import type { ProxyNode } from '../compiler.ts';
import type { MeshNames, WorkloadName } from './mesh-names.ts';
import { flagNames, verdictOf } from './verdict.ts';

/** Who tells, and when it came. */
export interface EntryContext {
  readonly proxy: string;
  readonly isGateway: boolean;
  readonly own: WorkloadName;
  /** What the proxy's listeners are made by: looked up only where one has refused a connection. */
  readonly node: () => Pick<ProxyNode, 'labels' | 'ports'>;
  /** SPIFFE ID of the proxy's workload. */
  readonly ownPrincipal: string;
  readonly receivedMs: number;
  readonly names: MeshNames;
}

const NOBODY: WorkloadName = { namespace: '', workload: '' };

interface Span {
  readonly seconds: bigint;
  readonly nanos: number;
}

function msOf(span: Span | undefined): number | undefined {
  return span === undefined ? undefined : Number(span.seconds) * 1000 + span.nanos / 1e6;
}

function addressText(address: Address | undefined): string {
  const specifier = address?.address;
  if (specifier?.case === 'pipe') return specifier.value.path;
  // a listener within the proxy stands for where its tunnel leads
  if (specifier?.case === 'envoyInternalAddress') return specifier.value.endpointId;
  if (specifier?.case !== 'socketAddress') return '';
  const { address: host, portSpecifier } = specifier.value;
  const port = portSpecifier.case === 'portValue' ? portSpecifier.value : 0;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const ORIGINATE = /^connect_originate\|([^.|]+)\.([^.|]+)$/;

/**
 * SPIFFE ID that a tunnel's client has held the server to; '' of what goes by no tunnel. Names of tunnels are
 * `connect_originate|<service account>.<namespace>`, and theirs is the client's trust domain.
 */
function tunnelledTo(address: Address | undefined, ownPrincipal: string): string {
  const specifier = address?.address;
  if (specifier?.case !== 'envoyInternalAddress' || specifier.value.addressNameSpecifier.case !== 'serverListenerName') return '';
  const [, serviceAccount, namespace] = ORIGINATE.exec(specifier.value.addressNameSpecifier.value) ?? [];
  const trustDomain = parseSpiffeId(ownPrincipal)?.trustDomain;
  if (serviceAccount === undefined || namespace === undefined || trustDomain === undefined) return '';
  return formatSpiffeId({ trustDomain, namespace, serviceAccount });
}

function uriOf(certificate: Certificate | undefined): string {
  for (const { san } of certificate?.subjectAltName ?? []) if (san.case === 'uri') return san.value;
  return '';
}

/** JSON that a proxy sent; an empty object where it is something else. */
function objectOf(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined || text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Whole numbers that a record can hold; a proxy's word may be any. */
function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Provenance as configuration carries it: lines are numbers of protobuf's. */
function provenanceOf(value: Readonly<Record<string, unknown>>): Provenance | undefined {
  const text = (key: string): string => (typeof value[key] === 'string' ? value[key] : '');
  const line = Number(value['line'] ?? 0);
  if (text('kind') === '' || !isCount(line)) return undefined;
  return { kind: text('kind'), namespace: text('namespace'), name: text('name'), file: text('file'), line, field: text('field') };
}

/** `name;namespace;…` */
function peerOf(tag: string | undefined): WorkloadName | undefined {
  const [workload = '', namespace = ''] = tag?.split(';') ?? [];
  return workload === '' || namespace === '' ? undefined : { namespace, workload };
}

function reporterOf(tag: string | undefined, cluster: string, { isGateway }: EntryContext): Reporter {
  if (tag === 'source' || tag === 'destination' || tag === 'gateway') return tag;
  if (isGateway) return 'gateway';
  return cluster.startsWith('inbound|') || cluster === 'InboundPassthroughCluster' ? 'destination' : 'source';
}

/** `payments.shop.svc.cluster.local` of `outbound|80|v1|payments…`, and of `outbound_.80_.v1_.payments…`. */
function hostOfCluster(cluster: string): string {
  const [, host = ''] = /^outbound(?:\|\d+\|[^|]*\||_\.\d+_\.[^.]*_\.)(.+)$/.exec(cluster) ?? [];
  return host;
}

interface Ends {
  readonly source: FlowEnd;
  readonly destination: FlowEnd;
  readonly isMutualTls: boolean;
}

function endsOf(common: AccessLogCommon, reporter: Reporter, context: EntryContext): Ends {
  const { customTags: tags, tlsProperties: tls } = common;
  const { names, own } = context;
  const client = addressText(common.downstreamRemoteAddress);
  const peer = peerOf(tags[FLOW_TAG.peer]);
  if (reporter === 'destination') {
    const principal = uriOf(tls?.peerCertificateProperties) || (tags[FLOW_TAG.tunnelPeer] ?? '');
    const source = peer ?? names.workloadOf(principal) ?? names.workloadAt(client) ?? NOBODY;
    return {
      source: { ...source, address: client, principal },
      destination: {
        ...own,
        address: addressText(common.downstreamLocalAddress),
        principal: uriOf(tls?.localCertificateProperties) || (tags[FLOW_TAG.tunnelLocal] ?? ''),
      },
      isMutualTls: principal !== '',
    };
  }
  const principal = tags[FLOW_TAG.upstreamPrincipal]?.split(',')[0] || tunnelledTo(common.upstreamRemoteAddress, context.ownPrincipal);
  const address = addressText(common.upstreamRemoteAddress);
  const destination = peer ?? names.workloadAt(address) ?? names.workloadOf(principal) ?? NOBODY;
  return {
    source: { ...own, address: client, principal: principal === '' ? '' : context.ownPrincipal },
    destination: { ...destination, address, principal },
    isMutualTls: principal !== '',
  };
}

const SHADOW_RESULT = 'shadow_engine_result';
const SHADOW_POLICY = 'shadow_effective_policy_id';

/** The policy that would have said no, of rules that are tried only. */
function shadowPolicy({ metadata }: AccessLogCommon): string | undefined {
  for (const [namespace, values] of Object.entries(metadata?.filterMetadata ?? {})) {
    if (!namespace.endsWith('.rbac')) continue;
    for (const [key, value] of Object.entries(values)) {
      if (!key.endsWith(SHADOW_RESULT) || value !== 'denied') continue;
      const policy = values[`${key.slice(0, -SHADOW_RESULT.length)}${SHADOW_POLICY}`];
      if (typeof policy === 'string') return policy;
    }
  }
  return undefined;
}

const POLICY_OF_DETAILS = /matched_policy\[(.*)\]/;

function policyOf(common: AccessLogCommon, details: string, names: MeshNames): Provenance | undefined {
  const name = POLICY_OF_DETAILS.exec(details)?.[1] ?? shadowPolicy(common);
  if (name === undefined) return undefined;
  const origin = names.policyOrigin(name);
  // what the proxy went by counts, not what the mesh says by now
  const told = objectOf(common.customTags[FLOW_TAG.policy]);
  const line = Number(told['line'] ?? Number.NaN);
  if (origin === undefined || typeof told['file'] !== 'string' || !isCount(line)) return origin;
  return { ...origin, file: told['file'], line };
}

/** What requests and connections have in common; `details` and `status` decide the verdict. */
function flowOf(
  common: AccessLogCommon,
  details: string,
  status: number | undefined,
  context: EntryContext,
): Omit<Flow, 'id' | 'protocol'> {
  const { customTags: tags } = common;
  const cluster = tags[FLOW_TAG.cluster] || common.upstreamCluster;
  const reporter = reporterOf(tags[FLOW_TAG.reporter], cluster, context);
  const flags = flagNames(common.responseFlags);
  const upstreamMs = msOf(common.timeToFirstUpstreamRxByte);
  const policy = policyOf(common, details, context.names);
  const routeOrigin = provenanceOf(objectOf(tags[FLOW_TAG.route]));
  return {
    proxy: context.proxy,
    reporter,
    startMs: msOf(common.startTime) ?? context.receivedMs,
    receivedMs: context.receivedMs,
    durationMs: msOf(common.duration ?? common.timeToLastDownstreamTxByte) ?? 0,
    ...(upstreamMs !== undefined && { upstreamMs }),
    ...endsOf(common, reporter, context),
    service: hostOfCluster(cluster),
    cluster,
    verdict: verdictOf({ flags, details, status }),
    flags,
    details,
    ...(policy !== undefined && { policy }),
    route: common.routeName,
    ...(routeOrigin !== undefined && { routeOrigin }),
    bytesSent: 0,
    bytesReceived: 0,
    traceId: tags[FLOW_TAG.trace] ?? '',
  };
}

/** The service that a server's proxy was called by. */
function servedService({ destination }: Pick<Flow, 'destination'>, authority: string, names: MeshNames): string {
  return names.serviceOf(authority, destination.namespace) || names.serviceAt(destination.address);
}

/** Entries of what has not ended. */
const OPEN: ReadonlySet<AccessLogType> = new Set([
  AccessLogType.TcpUpstreamConnected,
  AccessLogType.TcpPeriodic,
  AccessLogType.DownstreamStart,
  AccessLogType.DownstreamPeriodic,
  AccessLogType.DownstreamTunnelSuccessfullyEstablished,
]);

/** What holds of a flow only so far: how long it has lasted, as well as the two clocks agree where the proxy does not say. */
function soFar({ accessLogType }: AccessLogCommon, { durationMs, receivedMs, startMs }: Omit<Flow, 'id' | 'protocol'>): Partial<Flow> {
  if (!OPEN.has(accessLogType)) return {};
  return { isOpen: true, durationMs: durationMs > 0 ? durationMs : Math.max(0, receivedMs - startMs) };
}

const METHODS = new Map<number, string>(
  Object.entries(RequestMethod).flatMap(([name, value]) => (value === RequestMethod.METHOD_UNSPECIFIED ? [] : [[value, name] as const])),
);

function headersOf(entry: HTTPAccessLogEntry): Pick<FlowRequest, 'headers'> {
  const pairs = Object.entries(entry.request?.requestHeaders ?? {});
  if (pairs.length === 0) return {};
  return { headers: Object.fromEntries(pairs.map(([name, value]) => [name, redactHeader(name, value)])) };
}

function requestOf(entry: HTTPAccessLogEntry, common: AccessLogCommon): FlowRequest {
  const { request, response } = entry;
  const grpcStatus = Number(common.customTags[FLOW_TAG.grpcStatus] || Number.NaN);
  return {
    method: METHODS.get(request?.requestMethod ?? 0) ?? '',
    authority: request?.authority ?? '',
    // a stock Envoy takes no secrets out of it
    path: redactPath(request?.originalPath || (request?.path ?? '')),
    status: response?.responseCode ?? 0,
    ...(isCount(grpcStatus) && { grpcStatus }),
    ...headersOf(entry),
  };
}

/** A request's entry; undefined where it says nothing. */
export function httpFlow(entry: HTTPAccessLogEntry, context: EntryContext): Flow | undefined {
  const { commonProperties: common, request: head, response } = entry;
  if (common === undefined) return undefined;
  const request = requestOf(entry, common);
  // what waits for its answer has not failed yet
  const status = OPEN.has(common.accessLogType) && request.status === 0 ? undefined : request.status;
  const flow = flowOf(common, response?.responseCodeDetails ?? '', status, context);
  return {
    ...flow,
    ...soFar(common, flow),
    id: head?.requestId || common.streamId,
    protocol: request.grpcStatus === undefined ? 'http' : 'grpc',
    service: flow.service || (flow.reporter === 'destination' ? servedService(flow, request.authority, context.names) : ''),
    bytesSent: Number(response?.responseBodyBytes ?? 0n),
    bytesReceived: Number(head?.requestBodyBytes ?? 0n),
    request,
  };
}

/** Where it was written that the workload's port behind `local`, an address of its proxy's, is STRICT. */
function strictPolicy(
  node: Pick<ProxyNode, 'labels' | 'ports'>,
  own: WorkloadName,
  local: string,
  names: MeshNames,
): Provenance | undefined {
  const listen = Number(/:(\d+)$/.exec(local)?.[1] ?? 0);
  const port = node.ports.find((each) => each.listen === listen)?.number ?? listen;
  return names.strictOrigin({ namespace: own.namespace, labels: node.labels }, port);
}

/**
 * What a listener has refused because no filter chain takes it. STRICT ports have chains for all TLS, so that there it was
 * plaintext; by the mesh as it is, for a listener does not know whose word its chains go by.
 */
function refusedBy(common: AccessLogCommon, told: Omit<Flow, 'id' | 'protocol'>, context: EntryContext): Partial<Flow> {
  const { names, own, node } = context;
  const [client, local] = [addressText(common.downstreamRemoteAddress), addressText(common.downstreamLocalAddress)];
  const { flags } = told;
  const at = (name: WorkloadName | undefined, address: string): FlowEnd => ({ ...(name ?? NOBODY), address, principal: '' });
  if (told.reporter === 'source' && !context.isGateway) {
    const verdict = verdictOf({ flags, details: NO_CHAIN_FOUND, status: undefined });
    return { verdict, details: NO_CHAIN_FOUND, source: at(own, client), destination: at(names.workloadAt(local), local) };
  }
  // what came through a tunnel was no plaintext, whatever it carries
  const isPlaintext = told.reporter === 'destination' && !told.isMutualTls;
  const policy = isPlaintext ? strictPolicy(node(), own, local, names) : undefined;
  const details = policy === undefined ? NO_CHAIN_FOUND : PLAINTEXT_REFUSED;
  return {
    reporter: context.isGateway ? 'gateway' : told.reporter,
    verdict: verdictOf({ flags, details, status: undefined }),
    details,
    ...(policy !== undefined && { policy }),
    ...(told.reporter !== 'destination' && { source: at(names.workloadAt(client), client), destination: at(own, local) }),
  };
}

/** A connection's entry; undefined where it says nothing. */
export function tcpFlow({ commonProperties: common, connectionProperties }: TCPAccessLogEntry, context: EntryContext): Flow | undefined {
  if (common === undefined) return undefined;
  const told = flowOf(common, common.connectionTerminationDetails, undefined, context);
  const flow = common.customTags[FLOW_TAG.refused] === undefined ? told : { ...told, ...refusedBy(common, told, context) };
  return {
    ...flow,
    ...soFar(common, flow),
    id: common.customTags[FLOW_TAG.connection] || common.streamId,
    protocol: 'tcp',
    service: flow.service || (flow.reporter === 'destination' ? context.names.serviceAt(flow.destination.address) : ''),
    bytesSent: Number(connectionProperties?.sentBytes ?? 0n),
    bytesReceived: Number(connectionProperties?.receivedBytes ?? 0n),
  };
}
