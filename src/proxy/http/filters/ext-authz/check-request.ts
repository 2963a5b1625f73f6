/** A request as an authorization service sees it. Envoy: envoy.service.auth.v3.CheckRequest. */
import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import type { NetAddress } from '../../../../net/address.ts';
import type { HeaderMap } from '../../../../wire/http/message.ts';
import type { AddressSchema } from '../../../../xds/gen/envoy/config/core/v3/address_pb.ts';
import type {
  AttributeContext_HttpRequestSchema,
  AttributeContextSchema,
} from '../../../../xds/gen/envoy/service/auth/v3/attribute_context_pb.ts';
import { type CheckRequest, CheckRequestSchema } from '../../../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import type { DownstreamConnection } from '../../../listener/connection.ts';
import type { TextTest } from '../../../router/matchers.ts';
import type { HttpStream } from '../../filter.ts';
import type { CheckBody } from './check-body.ts';

/** What of a request the service is told. */
export interface CheckContent {
  readonly isSent: TextTest;
  readonly isNeverSent: TextTest;
  /** Fields as they came, and one by one. */
  readonly isRaw: boolean;
  readonly packsAsBytes: boolean;
  readonly includesCertificate: boolean;
  readonly includesTlsSession: boolean;
  /** Labels of the destination. */
  readonly labels: Readonly<Record<string, string>>;
  readonly metadataNamespaces: readonly string[];
  readonly routeMetadataNamespaces: readonly string[];
}

function addressOf({ host, port }: NetAddress): MessageInitShape<typeof AddressSchema> {
  if (host.startsWith('/')) return { address: { case: 'pipe', value: { path: host } } };
  return { address: { case: 'socketAddress', value: { address: host, portSpecifier: { case: 'portValue', value: port } } } };
}

// what has to be text, is: bytes of no UTF-8 become marks
const ASCII = /^[\0-\x7f]*$/;

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').replaceAll('\ufffd', '!');
}

function fieldText(value: string): string {
  return ASCII.test(value) ? value : toText(Buffer.from(value, 'latin1'));
}

type HttpInit = MessageInitShape<typeof AttributeContext_HttpRequestSchema>;

/** Start line and fields that may be sent, as `visit` gets them. */
function visitFields({ request }: HttpStream, content: CheckContent, visit: (name: string, value: string) => void): void {
  const { isSent, isNeverSent } = content;
  const visitSent = (name: string, value: string): void => {
    if (isSent(name) && !isNeverSent(name)) visit(name, value);
  };
  visitSent(':authority', request.authority);
  visitSent(':path', request.path);
  visitSent(':method', request.method);
  visitSent(':scheme', request.scheme);
  (request.headers satisfies HeaderMap).forEach(visitSent);
}

function joinedFields(stream: HttpStream, content: CheckContent, partial: string | undefined): Record<string, string> {
  const fields = new Map<string, string>();
  visitFields(stream, content, (name, value) => {
    const before = fields.get(name);
    fields.set(name, before === undefined ? fieldText(value) : `${before},${fieldText(value)}`);
  });
  if (partial !== undefined) fields.set('x-envoy-auth-partial-body', partial);
  return Object.fromEntries(fields);
}

function rawFields(stream: HttpStream, content: CheckContent, partial: string | undefined): HttpInit {
  const headers: { key: string; rawValue: Uint8Array }[] = [];
  visitFields(stream, content, (key, value) => void headers.push({ key, rawValue: Buffer.from(value, 'latin1') }));
  if (partial !== undefined) headers.push({ key: 'x-envoy-auth-partial-body', rawValue: Buffer.from(partial) });
  return { headerMap: { headers } };
}

function httpOf(stream: HttpStream, body: CheckBody | undefined, content: CheckContent): HttpInit {
  const { request, info } = stream;
  const partial = body === undefined ? undefined : String(!body.isWhole);
  return {
    id: String(nextId++),
    method: request.method,
    path: fieldText(request.path),
    host: request.authority,
    scheme: request.scheme,
    size: BigInt(info.bytesReceived),
    protocol: request.protocol,
    ...(content.isRaw ? rawFields(stream, content, partial) : { headers: joinedFields(stream, content, partial) }),
    ...(body === undefined ? {} : content.packsAsBytes ? { rawBody: body.bytes } : { body: toText(body.bytes) }),
  };
}

/** Names requests within this process. */
let nextId = 1n;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function metadataOf(namespaces: readonly string[], read: (namespace: string) => unknown): { filterMetadata: Record<string, JsonObject> } {
  const found = namespaces.map((namespace) => [namespace, read(namespace)] as const);
  return { filterMetadata: Object.fromEntries(found.filter((entry): entry is readonly [string, JsonObject] => isObject(entry[1]))) };
}

/** Istio's name for our own identity on a connection within the process. */
const LOCAL_PRINCIPAL = 'io.istio.local_principal';

/** Both ends of a connection, as a service is told of them. `service` is what the client calls itself. */
export function peersOf(
  { remote, local, tls, principal, filterState }: DownstreamConnection,
  content: Pick<CheckContent, 'includesCertificate' | 'labels'>,
  service: string,
): Pick<MessageInitShape<typeof AttributeContextSchema>, 'source' | 'destination'> {
  return {
    source: {
      address: addressOf(remote),
      // of what came in a tunnel, filter state says whose it is
      principal: tls?.uriSans[0] ?? tls?.dnsSans[0] ?? tls?.subject ?? principal,
      service,
      certificate: content.includesCertificate ? encodeURIComponent(tls?.pem ?? '') : '',
    },
    destination: {
      address: addressOf(local),
      principal: tls?.localUriSans[0] ?? filterState?.get(LOCAL_PRINCIPAL) ?? '',
      labels: { ...content.labels },
    },
  };
}

/** Describes a stream. */
export function checkRequest(
  stream: HttpStream,
  body: CheckBody | undefined,
  content: CheckContent,
  extensions: Readonly<Record<string, string>>,
): CheckRequest {
  const { connection, info, request } = stream;
  const startMs = Math.floor(info.startWallMs);
  return create(CheckRequestSchema, {
    attributes: {
      ...peersOf(connection, content, request.headers.get('x-envoy-downstream-service-cluster') ?? ''),
      request: {
        time: { seconds: BigInt(Math.floor(startMs / 1000)), nanos: (startMs % 1000) * 1_000_000 },
        http: httpOf(stream, body, content),
      },
      contextExtensions: { ...extensions },
      metadataContext: metadataOf(
        content.metadataNamespaces,
        (namespace) => info.metadata.get(namespace) ?? connection.metadata?.get(namespace),
      ),
      routeMetadataContext: metadataOf(content.routeMetadataNamespaces, (namespace) => stream.route?.metadata[namespace]),
      ...(content.includesTlsSession ? { tlsSession: { sni: connection.requestedServerName } } : {}),
    },
  });
}
