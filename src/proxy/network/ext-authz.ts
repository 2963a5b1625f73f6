/**
 * Asks another service whether a connection may pass, by gRPC: `envoy.filters.network.ext_authz`. It is asked when the
 * connection is established (TLS done), before anything is sent to an upstream; Envoy waits for the client's first bytes.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { type ExtAuthz, ExtAuthzSchema } from '../../xds/gen/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts';
import { CheckRequestSchema, CheckResponseSchema } from '../../xds/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { compileMetadataMatcher } from '../authz/metadata-matcher.ts';
import { peersOf } from '../http/filters/ext-authz/check-request.ts';
import { CHECK_PATH, type GrpcTarget, labelsOf, readGrpcTarget } from '../http/filters/ext-authz/grpc-check.ts';
import { flagBit, type StreamInfo } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';
import { callUnary, type UnaryResult } from '../router/grpc-unary.ts';
import type { NetworkFilter } from './filter.ts';
import { observeClose } from './observe-close.ts';
import { refuse } from './refusal.ts';

interface AuthzConfig {
  readonly statPrefix: string;
  readonly target: GrpcTarget;
  readonly failsOpen: boolean;
  /** Whether a connection is asked about by what filters left of it; undefined: it is. */
  readonly isEnabledBy: ((info: StreamInfo) => boolean) | undefined;
  readonly includesCertificate: boolean;
  readonly includesTlsSession: boolean;
  readonly labelsKey: string;
}

type Verdict = 'ok' | 'denied' | 'error';

const UNAUTHORIZED = flagBit('UAEX');

function parse(message: ExtAuthz, path: string): AuthzConfig {
  const { statPrefix, grpcService, transportApiVersion, filterEnabledMetadata: enabled } = message;
  if (statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
  if (grpcService === undefined) throw new ConfigError(`${path}.grpc_service`, 'is missing');
  const matches = enabled && compileMetadataMatcher(enabled, `${path}.filter_enabled_metadata`);
  return {
    statPrefix,
    target: readGrpcTarget(grpcService, transportApiVersion, path),
    failsOpen: message.failureModeAllow,
    isEnabledBy: matches && ((info) => matches(info.metadata.get(enabled.filter))),
    includesCertificate: message.includePeerCertificate,
    includesTlsSession: message.includeTlsSession,
    labelsKey: message.bootstrapMetadataLabelsKey,
  };
}

function checkOf(downstream: DownstreamConnection, config: AuthzConfig, labels: Readonly<Record<string, string>>): Uint8Array {
  const tlsSession = config.includesTlsSession ? { tlsSession: { sni: downstream.requestedServerName } } : {};
  const attributes = { ...peersOf(downstream, { ...config, labels }, ''), ...tlsSession };
  return toBinary(CheckRequestSchema, create(CheckRequestSchema, { attributes }));
}

function verdictOf(result: UnaryResult): Verdict {
  if (result.kind === 'failure') return 'error';
  try {
    return (fromBinary(CheckResponseSchema, result.bytes).status?.code ?? 0) === 0 ? 'ok' : 'denied';
  } catch {
    // what cannot be read is no answer
    return 'error';
  }
}

/** Closes connections that the service does not let pass; the reason is `ext_authz_denied`, or `ext_authz_error`. */
export const extAuthz: NetworkFilter<typeof ExtAuthzSchema, AuthzConfig> = {
  name: 'envoy.filters.network.ext_authz',
  schema: ExtAuthzSchema,
  isTerminal: false,
  parse,
  create(config, scope) {
    const { target, failsOpen } = config;
    const counter = (name: string) => scope.stats.counter(`ext_authz.${config.statPrefix}.${name}`);
    const counters = { ok: counter('ok'), denied: counter('denied'), error: counter('error') };
    const [total, disabled, allowed, closed] = ['total', 'disabled', 'failure_mode_allowed', 'cx_closed'].map(counter);
    const active = scope.stats.gauge(`ext_authz.${config.statPrefix}.active`);
    const labels = labelsOf(scope.node, config.labelsKey);
    return (connection, downstream, info) => {
      if (config.isEnabledBy?.(info) === false) {
        if (disabled !== undefined) disabled.value++;
        return true;
      }
      if (total !== undefined) total.value++;
      active.value++;
      const decide = (verdict: Verdict): boolean => {
        counters[verdict].value++;
        if (verdict === 'ok') return true;
        if (verdict === 'error' && failsOpen) {
          if (allowed !== undefined) allowed.value++;
          return true;
        }
        if (closed !== undefined) closed.value++;
        info.responseCodeDetails = verdict === 'denied' ? 'ext_authz_denied' : 'ext_authz_error';
        return refuse(connection, downstream, { flags: UNAUTHORIZED, reason: 'ext_authz_close' });
      };
      return {
        whenDecided(tell) {
          const { cluster, authority, timeoutMs } = target;
          const metadata = target.metadata.map(({ name, format }) => [name, format(info)] as const);
          const call = { cluster, authority, timeoutMs, metadata, path: CHECK_PATH, message: checkOf(downstream, config, labels) };
          let isOpen = true;
          const cancel = callUnary(call, scope, (result) => {
            if (!isOpen) return;
            isOpen = false;
            active.value--;
            tell(decide(verdictOf(result)));
          });
          observeClose(connection, () => {
            if (!isOpen) return;
            isOpen = false;
            active.value--;
            cancel();
          });
        },
      };
    };
  },
};
