/** The providers that decide about requests: `envoyExtAuthzHttp` and `envoyExtAuthzGrpc` of MeshConfig. */
import type { CheckedBody, ExtAuthzGrpcProvider, ExtAuthzHttpProvider } from '../../../model/extension-provider.ts';
import { StatusCode } from '../../../xds/gen/envoy/type/v3/http_status_pb.ts';
import type { Located } from '../../schema/located.ts';
import {
  bool,
  defaulted,
  deprecated,
  duration,
  int,
  list,
  map,
  object,
  optional,
  port,
  required,
  string,
  type Infer,
} from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

/** As good as never, and Istio's default. */
const TIMEOUT_MS = 600_000;

const bodySchema = object({
  maxRequestBytes: required(int(1), 'How much of a body is held and sent.'),
  allowPartialMessage: defaulted(bool, false, 'Whether a longer body is cut; else the request is answered with 413.'),
  packAsBytes: defaulted(bool, false, 'Whether a gRPC service gets bytes and not text.'),
});

const shared = {
  service: required(string({ format: 'namespaced-host' }), 'The service that is asked, as host name or namespace/host name.'),
  port: required(port, 'Port of the service.'),
  timeout: defaulted(duration(1), TIMEOUT_MS, 'How long its answer is waited for.'),
  failOpen: defaulted(bool, false, 'Whether requests pass that it cannot be asked about.'),
  clearRouteCache: defaulted(bool, false, 'Whether the route is chosen anew by the headers that it sets.'),
  statusOnError: optional(string(), 'Status of requests that it cannot be asked about; 403 where absent.'),
  includeRequestBodyInCheck: optional(bodySchema, 'The body that is sent along; none where absent.'),
};

const headers = list(string());

export const extAuthzHttpSchema = object({
  ...shared,
  pathPrefix: defaulted(string({ format: 'absolute-path' }), '', 'What stands before the path of the request that it is asked about.'),
  includeHeadersInCheck: deprecated(headers, 'Headers that it is told.', 'write includeRequestHeadersInCheck'),
  includeRequestHeadersInCheck: defaulted(headers, [], 'Headers that it is told beside host, method, path and content-length.'),
  includeAdditionalHeadersInCheck: defaulted(
    map(string({ mayBeEmpty: true }), 'header-name'),
    {},
    'Headers with their values that it is told always.',
  ),
  headersToUpstreamOnAllow: defaulted(headers, [], 'Headers of its answer that the request goes on with.'),
  headersToDownstreamOnDeny: defaulted(headers, [], 'Headers of its answer that a denied client gets; all where empty.'),
  headersToDownstreamOnAllow: defaulted(headers, [], 'Headers of its answer that the response to the client gets.'),
});

export const extAuthzGrpcSchema = object(shared);

const HEADER_LISTS = [
  'includeRequestHeadersInCheck',
  'includeHeadersInCheck',
  'headersToUpstreamOnAllow',
  'headersToDownstreamOnDeny',
  'headersToDownstreamOnAllow',
] as const;

/** The statuses that Envoy has names for; no others may be sent. */
const STATUSES = new Set<number>(Object.values(StatusCode).filter((status) => status >= 200));

type Shared = Infer<typeof extAuthzGrpcSchema>;

function statusOf(written: Shared, lowering: Lowering): number | undefined {
  if (written.statusOnError === undefined) return undefined;
  const status = Number(written.statusOnError);
  if (STATUSES.has(status)) return status;
  lowering.error('TUL013', written, 'statusOnError', `found "${written.statusOnError}", wants the number of an HTTP status, as text`);
  return undefined;
}

function bodyOf(written: Shared): CheckedBody | undefined {
  const body = written.includeRequestBodyInCheck;
  return body && { maxRequestBytes: body.maxRequestBytes, allowsPartial: body.allowPartialMessage, packsAsBytes: body.packAsBytes };
}

function lowerShared(name: string, written: Shared & Located, lowering: Lowering) {
  return {
    name,
    service: written.service,
    port: written.port,
    origin: lowering.originOf(written),
    timeoutMs: written.timeout,
    failsOpen: written.failOpen,
    statusOnError: statusOf(written, lowering),
    clearsRouteCache: written.clearRouteCache,
    body: bodyOf(written),
  };
}

/** The gRPC provider `name` in the model. */
export function lowerExtAuthzGrpc(name: string, written: Shared, lowering: Lowering): ExtAuthzGrpcProvider {
  return { kind: 'ext-authz-grpc', ...lowerShared(name, written, lowering) };
}

/** The HTTP provider `name` in the model. */
export function lowerExtAuthzHttp(name: string, written: Infer<typeof extAuthzHttpSchema>, lowering: Lowering): ExtAuthzHttpProvider {
  for (const field of HEADER_LISTS) {
    for (const [index, header] of (written[field] ?? []).entries()) {
      if (header === '*' || header.slice(1, -1).includes('*'))
        lowering.error('TUL013', written, `${field}[${index}]`, `found "${header}", wants a name, a prefix* or a *suffix`);
    }
  }
  const included = written.includeRequestHeadersInCheck;
  return {
    kind: 'ext-authz-http',
    ...lowerShared(name, written, lowering),
    pathPrefix: written.pathPrefix,
    includedRequestHeaders: included.length > 0 ? included : (written.includeHeadersInCheck ?? []),
    additionalHeaders: written.includeAdditionalHeadersInCheck,
    upstreamHeadersOnAllow: written.headersToUpstreamOnAllow,
    downstreamHeadersOnDeny: written.headersToDownstreamOnDeny,
    downstreamHeadersOnAllow: written.headersToDownstreamOnAllow,
  };
}
