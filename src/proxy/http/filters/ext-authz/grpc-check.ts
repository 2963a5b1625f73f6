/** Asks an authorization service by gRPC. Envoy: envoy.service.auth.v3.Authorization. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../../../core/errors.ts';
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as Action,
} from '../../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { ApiVersion } from '../../../../xds/gen/envoy/config/core/v3/config_source_pb.ts';
import type { GrpcService } from '../../../../xds/gen/envoy/config/core/v3/grpc_service_pb.ts';
import type { ExtAuthz } from '../../../../xds/gen/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts';
import {
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
  type OkHttpResponse,
} from '../../../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { durationMs } from '../../../config/durations.ts';
import { callUnary } from '../../../router/grpc-unary.ts';
import { compileFormat } from '../../../telemetry/format.ts';
import type { FilterScope, HttpStream, LocalNode } from '../../filter.ts';
import type { StreamInfo } from '../../stream-info.ts';
import type { BodyOptions, CheckBody } from './check-body.ts';
import { type CheckContent, checkRequest } from './check-request.ts';
import { compileNames, NONE } from './field-lists.ts';
import { DEFAULT_TIMEOUT_MS } from './http-check.ts';
import type { Field, FieldChange, Verdict } from './verdict.ts';

export const CHECK_PATH = '/envoy.service.auth.v3.Authorization/Check';
const FORBIDDEN = 403;

/** How the service is called. */
export interface GrpcTarget {
  readonly cluster: string;
  readonly authority: string;
  readonly timeoutMs: number;
  readonly metadata: readonly { readonly name: string; readonly format: (info: StreamInfo) => string }[];
}

export interface GrpcCheck extends GrpcTarget {
  readonly content: Omit<CheckContent, 'packsAsBytes' | 'labels'>;
  /** Key of the node's metadata that holds labels of the destination; '' for none. */
  readonly labelsKey: string;
}

/** Reads `grpc_service` of the filter at `path`. */
export function readGrpcTarget(service: GrpcService, version: ApiVersion, path: string): GrpcTarget {
  const { targetSpecifier: target } = service;
  const at = `${path}.grpc_service`;
  if (version === ApiVersion.V2) throw new ConfigError(`${path}.transport_api_version`, 'is V2, which is no more');
  if (target.case !== 'envoyGrpc') throw new ConfigError(at, 'only envoy_grpc is supported by Tulle');
  if (target.value.clusterName === '') throw new ConfigError(`${at}.envoy_grpc.cluster_name`, 'is empty');
  return {
    cluster: target.value.clusterName,
    authority: target.value.authority === '' ? target.value.clusterName : target.value.authority,
    timeoutMs: durationMs(service.timeout, DEFAULT_TIMEOUT_MS),
    metadata: service.initialMetadata.map(({ key, value }, i) => ({
      name: key.toLowerCase(),
      format: compileFormat(value, `${at}.initial_metadata[${i}].value`, { missing: '' }),
    })),
  };
}

/** Reads `grpc_service` and what else says how the service is asked. */
export function readGrpcCheck(service: GrpcService, message: ExtAuthz, path: string): GrpcCheck {
  return {
    ...readGrpcTarget(service, message.transportApiVersion, path),
    content: {
      isSent: compileNames(message.allowedHeaders, `${path}.allowed_headers`) ?? (() => true),
      isNeverSent: compileNames(message.disallowedHeaders, `${path}.disallowed_headers`) ?? NONE,
      isRaw: message.encodeRawHeaders,
      includesCertificate: message.includePeerCertificate,
      includesTlsSession: message.includeTlsSession,
      metadataNamespaces: message.metadataContextNamespaces,
      routeMetadataNamespaces: message.routeMetadataContextNamespaces,
    },
    labelsKey: message.bootstrapMetadataLabelsKey,
  };
}

const RESPONSE_ACTIONS: Readonly<Record<number, FieldChange['action']>> = {
  [Action.APPEND_IF_EXISTS_OR_ADD]: 'add',
  [Action.ADD_IF_ABSENT]: 'add-if-absent',
  [Action.OVERWRITE_IF_EXISTS_OR_ADD]: 'set',
  [Action.OVERWRITE_IF_EXISTS]: 'set-if-present',
};

function fieldOf({ header }: HeaderValueOption): { name: string; value: string } {
  const raw = header?.rawValue ?? new Uint8Array(0);
  // a head holds bytes as characters
  const bytes = raw.length > 0 ? Buffer.from(raw) : Buffer.from(header?.value ?? '', 'utf8');
  return { name: (header?.key ?? '').toLowerCase(), value: bytes.toString('latin1') };
}

function requestChange(option: HeaderValueOption): FieldChange {
  return { ...fieldOf(option), action: option.append === true ? 'append-if-present' : 'set' };
}

function responseChange(option: HeaderValueOption): FieldChange {
  const { append, appendAction } = option;
  const action = append === undefined ? (RESPONSE_ACTIONS[appendAction] ?? 'add') : append ? 'add' : 'set';
  return { ...fieldOf(option), action };
}

function okVerdict(ok: OkHttpResponse | undefined, metadata: Record<string, unknown>): Verdict {
  return {
    kind: 'ok',
    // what is set comes before what is appended to what is there
    request: (ok?.headers ?? []).map(requestChange).toSorted((a, b) => Number(a.action !== 'set') - Number(b.action !== 'set')),
    removed: ok?.headersToRemove ?? [],
    response: (ok?.responseHeadersToAdd ?? []).map(responseChange),
    querySet: (ok?.queryParametersToSet ?? []).map(({ key, value }): Field => [key, value]),
    queryRemoved: ok?.queryParametersToRemove ?? [],
    metadata,
  };
}

/** What a response says; the message itself tells nothing that is not in it. */
function readCheckResponse({ status, httpResponse: answer, dynamicMetadata }: CheckResponse): Verdict {
  const ok = answer.case === 'okResponse' ? answer.value : undefined;
  const metadata = ok?.dynamicMetadata ?? dynamicMetadata ?? {};
  if ((status?.code ?? 0) === 0) return okVerdict(ok, metadata);
  const denied = answer.case === 'deniedResponse' ? answer.value : undefined;
  return {
    kind: 'denied',
    status: denied?.status?.code || FORBIDDEN,
    // fields that ask to be appended are for requests; a denial has no request
    fields: (denied?.headers ?? [])
      .filter(({ append }) => append !== true)
      .map((option): Field => {
        const { name, value } = fieldOf(option);
        return [name, value];
      }),
    body: denied?.body ?? '',
    metadata,
  };
}

/** Labels that the node's metadata has under a key. */
export function labelsOf(node: LocalNode, key: string): Record<string, string> {
  const value = key === '' ? undefined : node.metadata[key];
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** Asks; `onVerdict` is called once, never during the call. The result cancels it. */
export function askGrpc(
  check: GrpcCheck,
  stream: HttpStream,
  body: CheckBody | undefined,
  options: BodyOptions | undefined,
  extensions: Readonly<Record<string, string>>,
  scope: FilterScope,
  onVerdict: (verdict: Verdict) => void,
): () => void {
  const content: CheckContent = {
    ...check.content,
    packsAsBytes: options?.packsAsBytes ?? false,
    labels: labelsOf(scope.node, check.labelsKey),
  };
  const call = {
    cluster: check.cluster,
    authority: check.authority,
    path: CHECK_PATH,
    metadata: check.metadata.map(({ name, format }): Field => [name, format(stream.info)]),
    message: toBinary(CheckRequestSchema, checkRequest(stream, body, content, extensions)),
    timeoutMs: check.timeoutMs,
  };
  return callUnary(call, scope, (result) => {
    if (result.kind === 'failure') return onVerdict({ kind: 'error', reason: result.reason });
    let response: CheckResponse;
    try {
      response = fromBinary(CheckResponseSchema, result.bytes);
    } catch (error) {
      return onVerdict({ kind: 'error', reason: messageOf(error) });
    }
    onVerdict(readCheckResponse(response));
  });
}
