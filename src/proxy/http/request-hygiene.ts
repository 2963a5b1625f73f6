/**
 * What the connection manager does to a request's head before anybody else sees it: whom to believe, what to remove,
 * what to add. Source: Envoy, "HTTP header manipulation" and "HTTP header sanitizing".
 */
import { type Cidr, cidrContains, parseIp } from '../../core/cidr.ts';
import type { HeaderMap, IncomingRequest } from '../../wire/http/message.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import { STEERING_FIELDS } from '../router/request-policy.ts';
import type { LocalNode } from './filter.ts';
import { extendedVia } from './finish-head.ts';
import { type ClientCertOptions, forwardClientCert } from './client-cert.ts';
import { type FieldName, fieldName, fixedField } from '../../wire/http/headers.ts';

export interface HygieneOptions {
  readonly usesRemoteAddress: boolean;
  readonly trustedHops: number;
  readonly skipsXffAppend: boolean;
  readonly appendsPort: boolean;
  /** Addresses whose requests are internal; none by default. */
  readonly internalBlocks: readonly Cidr[];
  readonly internalUnixSockets: boolean;
  readonly via: string;
  readonly clientCert: ClientCertOptions;
  readonly stripsPort: 'none' | 'matching' | 'any';
  readonly stripsTrailingDot: boolean;
  /** Scheme that replaces the request's; '' for none. */
  readonly scheme: string;
}

/** What the head says about where the request comes from. */
export interface Origin {
  readonly isInternal: boolean;
  readonly isEdge: boolean;
  /** The client's address as trusted hops name it; '' where that is the connection's. */
  readonly client: string;
}

const INTERNAL_REQUEST: Origin = { isInternal: true, isEdge: false, client: '' };
const EDGE_REQUEST: Origin = { isInternal: false, isEdge: true, client: '' };
const FOREIGN_REQUEST: Origin = { isInternal: false, isEdge: false, client: '' };

const REFERER = fieldName('referer');
const FORWARDED_HTTP = fixedField('x-forwarded-proto', 'http');
const FORWARDED_HTTPS = fixedField('x-forwarded-proto', 'https');
const FORWARDED_PROTO = FORWARDED_HTTP.name;

/** Fields by which only a trusted caller may steer us. */
const INTERNAL_FIELDS: readonly FieldName[] = [
  ...STEERING_FIELDS,
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-internal',
].map(fieldName);

/** Fields that only a request from the edge loses. */
const EDGE_FIELDS: readonly FieldName[] = [
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-original-path',
].map(fieldName);

function isInternalAddress(address: string, options: HygieneOptions): boolean {
  if (address.startsWith('/') || address === '') return options.internalUnixSockets;
  const bytes = options.internalBlocks.length === 0 ? undefined : parseIp(address);
  return bytes !== undefined && options.internalBlocks.some((block) => cidrContains(block, bytes));
}

/** The client's address by X-Forwarded-For, `hops` entries from the end; undefined where there are not that many. */
function forwardedAddress(values: readonly string[], hops: number): string | undefined {
  const entries = values.join(',').split(',');
  return entries[entries.length - 1 - hops]?.trim();
}

function appendForwardedFor(headers: HeaderMap, remote: string): void {
  const former = headers.getAll('x-forwarded-for');
  headers.set('x-forwarded-for', former.length === 0 ? remote : `${former.join(',')},${remote}`);
}

/** The client, and whether the request is from inside: Envoy asks for a single address in X-Forwarded-For besides. */
function readOrigin(headers: HeaderMap, connection: DownstreamConnection, options: HygieneOptions): Origin {
  const values = headers.getAll('x-forwarded-for');
  const { host } = connection.remote;
  if (options.usesRemoteAddress) {
    const hops = options.trustedHops;
    const client = (hops > 0 && values.length > 0 ? forwardedAddress(values, hops - 1) : undefined) ?? host;
    const origin = values.length === 0 && isInternalAddress(client, options) ? INTERNAL_REQUEST : EDGE_REQUEST;
    return client === host || parseIp(client) === undefined ? origin : { ...origin, client };
  }
  if (values.length === 0) return FOREIGN_REQUEST;
  const client = forwardedAddress(values, options.trustedHops);
  const isSingle = values.length === 1 && values[0]?.includes(',') === false;
  const origin = client !== undefined && isSingle && isInternalAddress(client, options) ? INTERNAL_REQUEST : FOREIGN_REQUEST;
  return client === undefined || parseIp(client) === undefined ? origin : { ...origin, client };
}

function setForwarded(headers: HeaderMap, connection: DownstreamConnection, options: HygieneOptions): void {
  if (options.usesRemoteAddress && !options.skipsXffAppend && connection.remote.host !== '') {
    appendForwardedFor(headers, connection.remote.host);
  }
  const isTrusted = options.usesRemoteAddress && options.trustedHops === 0;
  if (isTrusted || !headers.has(FORWARDED_PROTO)) {
    headers.setFixed(connection.tls === undefined ? FORWARDED_HTTP : FORWARDED_HTTPS);
  }
  if (options.appendsPort && !headers.has('x-forwarded-port')) headers.set('x-forwarded-port', String(connection.local.port));
}

/** Characters of a path and a query (RFC 3986 section 3.3 and 3.4). */
const REFERENCE = /^[\w\-.~%!$&'()*+,;=:@/?]*$/;
const ABSOLUTE = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)[^#]*$/i;

/** Whether a Referer is a URL without user information and fragment, which RFC 9110 section 10.1.3 forbids, or a reference to a path. */
export function isReferer(value: string): boolean {
  const absolute = ABSOLUTE.exec(value);
  if (absolute !== null) return absolute[1]?.includes('@') !== true;
  const [first = ''] = value.split('/', 1);
  return REFERENCE.test(value) && !first.includes(':');
}

/** The authority without a port or a trailing dot, as the options ask. */
function cleanAuthority(authority: string, connection: DownstreamConnection, options: HygieneOptions): string {
  const colon = authority.endsWith(']') ? -1 : authority.lastIndexOf(':');
  let host = colon < 0 ? authority : authority.slice(0, colon);
  let port = colon < 0 ? '' : authority.slice(colon);
  if (options.stripsTrailingDot && host.endsWith('.')) host = host.slice(0, -1);
  if (options.stripsPort === 'any') port = '';
  if (options.stripsPort === 'matching' && port === `:${connection.local.port}`) port = '';
  return host + port;
}

/** Names with an underscore in them, which some servers take for a dash. */
export function underscored(headers: HeaderMap): readonly string[] {
  const names: string[] = [];
  headers.forEach((name) => {
    if (name.includes('_')) names.push(name);
  });
  return names;
}

/** `add_user_agent`: says through which proxy a request comes, and fills in who sent it. */
export function nameProxy(headers: HeaderMap, node: LocalNode): void {
  headers.set('x-envoy-downstream-service-cluster', node.cluster);
  if ((headers.get('user-agent') ?? '') === '') headers.set('user-agent', node.cluster);
  if (node.id !== '') headers.set('x-envoy-downstream-service-node', node.id);
}

/** Cleans a head in place, and says where the request comes from. `internalOnly`: further fields for trusted callers only. */
export function cleanRequest(
  request: IncomingRequest,
  connection: DownstreamConnection,
  options: HygieneOptions,
  internalOnly: readonly string[] = [],
): Origin {
  const { headers } = request;
  const origin = readOrigin(headers, connection, options);
  if (!origin.isInternal) {
    for (const name of INTERNAL_FIELDS) headers.remove(name);
    for (const name of internalOnly) headers.remove(name);
  }
  if (origin.isEdge) {
    for (const name of EDGE_FIELDS) headers.remove(name);
    const client = origin.client === '' ? connection.remote.host : origin.client;
    if (client !== '') headers.set('x-envoy-external-address', client);
  }
  if (origin.isInternal) headers.set('x-envoy-internal', 'true');
  const referer = headers.get(REFERER);
  if (referer !== undefined && !isReferer(referer)) headers.remove(REFERER);
  setForwarded(headers, connection, options);
  forwardClientCert(headers, connection, options.clientCert);
  if (options.via !== '') headers.set('via', extendedVia(headers, options.via));
  const isHttps = headers.get(FORWARDED_PROTO) === 'https';
  if (options.scheme !== '') request.scheme = options.scheme;
  else if (request.scheme !== 'http' && request.scheme !== 'https') request.scheme = isHttps ? 'https' : 'http';
  if (options.stripsPort !== 'none' || options.stripsTrailingDot)
    request.authority = cleanAuthority(request.authority, connection, options);
  return origin;
}
