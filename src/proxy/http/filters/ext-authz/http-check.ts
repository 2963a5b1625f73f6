/**
 * Asks an authorization service by HTTP: the request's head, without or with its body, and an answer whose status
 * decides. Envoy: ext_authz.v3.HttpService.
 */
import { ConfigError } from '../../../../core/errors.ts';
import { HeaderBlock } from '../../../../wire/http/headers.ts';
import type { RequestHead } from '../../../../wire/http/message.ts';
import type { ExtAuthz, HttpService } from '../../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import { durationMs } from '../../../config/durations.ts';
import type { TextTest } from '../../../router/matchers.ts';
import { sendAside, type SideResult } from '../../../router/side-request.ts';
import { compileFormat } from '../../../telemetry/format.ts';
import type { FilterScope, HttpStream } from '../../filter.ts';
import type { StreamInfo } from '../../stream-info.ts';
import type { CheckBody } from './check-body.ts';
import { compileNames, NONE } from './field-lists.ts';
import type { Field, FieldChange, Verdict } from './verdict.ts';

export const DEFAULT_TIMEOUT_MS = 200;
/** Of an answer. */
const MAX_BODY_BYTES = 1024 * 1024;
/** Names of fields that an answer wants taken away from the request. */
const TO_REMOVE = 'x-envoy-auth-headers-to-remove';

/** These go along whatever the lists say; method, path and host do anyway. */
const ALWAYS_SENT: ReadonlySet<string> = new Set(['authorization']);
/** These go to a client that is denied, where there is a list of what does. */
const ALWAYS_ANSWERED: ReadonlySet<string> = new Set(['www-authenticate', 'location']);

export interface HttpCheck {
  readonly cluster: string;
  readonly timeoutMs: number;
  readonly pathPrefix: string;
  readonly isSent: TextTest;
  readonly isNeverSent: TextTest;
  readonly sendsEachField: boolean;
  readonly added: readonly { readonly name: string; readonly format: (info: StreamInfo) => string }[];
  readonly toUpstream: TextTest;
  readonly toUpstreamAdded: TextTest;
  readonly toClientDenied: TextTest;
  readonly toClient: TextTest;
  readonly toMetadata: TextTest;
}

/** Reads `http_service`. */
export function readHttpCheck(service: HttpService, message: ExtAuthz, path: string): HttpCheck {
  const { serverUri, pathPrefix, authorizationRequest: request, authorizationResponse: response } = service;
  if (serverUri?.httpUpstreamType.case !== 'cluster') throw new ConfigError(`${path}.http_service.server_uri.cluster`, 'is missing');
  if (pathPrefix !== '' && !pathPrefix.startsWith('/')) throw new ConfigError(`${path}.http_service.path_prefix`, 'has no slash before it');
  const at = `${path}.http_service.authorization_response`;
  const denied = compileNames(response?.allowedClientHeaders, `${at}.allowed_client_headers`);
  const requestPath = `${path}.http_service.authorization_request`;
  return {
    cluster: serverUri.httpUpstreamType.value,
    timeoutMs: durationMs(serverUri.timeout, DEFAULT_TIMEOUT_MS),
    pathPrefix,
    isSent:
      compileNames(message.allowedHeaders, `${path}.allowed_headers`) ??
      compileNames(request?.allowedHeaders, `${requestPath}.allowed_headers`) ??
      NONE,
    isNeverSent: compileNames(message.disallowedHeaders, `${path}.disallowed_headers`) ?? NONE,
    sendsEachField: message.encodeRawHeaders,
    added: (request?.headersToAdd ?? []).map(({ key, value }, i) => ({
      name: key.toLowerCase(),
      format: compileFormat(value, `${requestPath}.headers_to_add[${i}].value`, { missing: '' }),
    })),
    toUpstream: compileNames(response?.allowedUpstreamHeaders, `${at}.allowed_upstream_headers`) ?? NONE,
    toUpstreamAdded: compileNames(response?.allowedUpstreamHeadersToAppend, `${at}.allowed_upstream_headers_to_append`) ?? NONE,
    toClientDenied: denied === undefined ? (name) => name !== 'host' : (name) => ALWAYS_ANSWERED.has(name) || denied(name),
    toClient: compileNames(response?.allowedClientHeadersOnSuccess, `${at}.allowed_client_headers_on_success`) ?? NONE,
    toMetadata: compileNames(response?.dynamicMetadataFromHeaders, `${at}.dynamic_metadata_from_headers`) ?? NONE,
  };
}

function headersFor({ headers }: RequestHead, check: HttpCheck): HeaderBlock {
  const sent = new HeaderBlock();
  const isSent = (name: string): boolean =>
    name !== 'content-length' && !check.isNeverSent(name) && (ALWAYS_SENT.has(name) || check.isSent(name));
  headers.forEach((name, value) => {
    if (!isSent(name)) return;
    if (check.sendsEachField || !sent.has(name)) sent.add(name, value);
    else sent.set(name, `${sent.get(name)},${value}`);
  });
  return sent;
}

function fieldsOf(headers: HeaderBlock, isWanted: TextTest): Field[] {
  const fields: Field[] = [];
  headers.forEach((name, value) => {
    if (isWanted(name)) fields.push([name, value]);
  });
  return fields;
}

function readAnswer(result: SideResult, check: HttpCheck): Verdict {
  if (result.kind === 'failure') return { kind: 'error', reason: result.reason };
  const { status, headers, body } = result;
  if (status >= 500) return { kind: 'error', reason: `status ${status}` };
  const removed = (headers.has(TO_REMOVE) ? headers.getAll(TO_REMOVE) : []).flatMap((value) => value.split(',').map((name) => name.trim()));
  headers.remove(TO_REMOVE);
  const metadata = Object.fromEntries(fieldsOf(headers, check.toMetadata));
  if (status !== 200) {
    const fields = fieldsOf(headers, (name) => name !== 'content-length' && check.toClientDenied(name));
    return { kind: 'denied', status, fields, body: Buffer.from(body).toString('utf8'), metadata };
  }
  const changes = (isWanted: TextTest, action: FieldChange['action']): FieldChange[] =>
    fieldsOf(headers, isWanted).map(([name, value]) => ({ name, value, action }));
  return {
    kind: 'ok',
    request: [...changes(check.toUpstream, 'set'), ...changes(check.toUpstreamAdded, 'add')],
    removed,
    response: changes(check.toClient, 'add'),
    querySet: [],
    queryRemoved: [],
    metadata,
  };
}

/** Asks; `onVerdict` is called once, never during the call. The result cancels it. */
export function askHttp(
  check: HttpCheck,
  stream: HttpStream,
  body: CheckBody | undefined,
  scope: FilterScope,
  onVerdict: (verdict: Verdict) => void,
): () => void {
  const { request, info } = stream;
  const headers = headersFor(request, check);
  if (body !== undefined) headers.set('x-envoy-auth-partial-body', String(!body.isWhole));
  if (body === undefined || body.bytes.length === 0) headers.set('content-length', '0');
  for (const { name, format } of check.added) headers.set(name, format(info));
  headers.set('x-envoy-internal', 'true');
  if (check.timeoutMs > 0) headers.set('x-envoy-expected-rq-timeout-ms', String(Math.ceil(check.timeoutMs)));
  const startMs = scope.clock.monotonicMs();
  const aside = {
    method: request.method,
    path: check.pathPrefix + request.path,
    authority: request.authority,
    scheme: request.scheme,
    headers,
    body: body === undefined || body.bytes.length === 0 ? [] : [body.bytes],
    timeoutMs: check.timeoutMs,
    maxBodyBytes: MAX_BODY_BYTES,
  };
  return sendAside(check.cluster, aside, scope, (result) => {
    const tookMs = Math.floor(scope.clock.monotonicMs() - startMs);
    // an answer of another host tells how long it took, as every answer does that comes through a proxy
    if (result.kind === 'answer') result.headers.set('x-envoy-upstream-service-time', String(tookMs));
    onVerdict(readAnswer(result, check));
  });
}
