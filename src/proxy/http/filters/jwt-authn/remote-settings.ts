/** Where and how keys are fetched. Envoy: RemoteJwks. */
import { ConfigError } from '../../../../core/errors.ts';
import type { RemoteJwks } from '../../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { durationMs, positiveDurationMs } from '../../../config/durations.ts';

export interface RemoteSettings {
  readonly uri: string;
  readonly authority: string;
  readonly path: string;
  readonly cluster: string;
  readonly timeoutMs: number;
  /** How long keys are good for. */
  readonly cacheMs: number;
  /** Keys are fetched before anybody asks for them, and again before they expire. */
  readonly isPrefetched: boolean;
  /** How long to wait after a fetch ahead of time has failed. */
  readonly failedRefetchMs: number;
  readonly retries: number;
  readonly backOffMs: number;
  readonly backOffMaxMs: number;
}

/** Source: Envoy. */
const DEFAULT_CACHE_MS = 600_000;
const DEFAULT_FAILED_REFETCH_MS = 1000;
const DEFAULT_BACK_OFF_MS = 1000;
const DEFAULT_BACK_OFF_FACTOR = 10;

/** Reads `remote_jwks`. */
export function readRemote(message: RemoteJwks, path: string): RemoteSettings {
  const { httpUri, asyncFetch, retryPolicy } = message;
  if (httpUri?.httpUpstreamType.case !== 'cluster') throw new ConfigError(`${path}.http_uri.cluster`, 'is missing');
  const match = /^(?:https?:\/\/)?([^/?#]+)([/?][^#]*)?/i.exec(httpUri.uri);
  if (match === null) throw new ConfigError(`${path}.http_uri.uri`, `"${httpUri.uri}" is no URI`);
  if (httpUri.timeout === undefined) throw new ConfigError(`${path}.http_uri.timeout`, 'is missing');
  const backOffMs = positiveDurationMs(retryPolicy?.retryBackOff?.baseInterval, DEFAULT_BACK_OFF_MS, `${path}.retry_policy.retry_back_off`);
  return {
    uri: httpUri.uri,
    authority: match[1] ?? '',
    path: match[2] ?? '/',
    cluster: httpUri.httpUpstreamType.value,
    timeoutMs: durationMs(httpUri.timeout, 0),
    cacheMs: positiveDurationMs(message.cacheDuration, DEFAULT_CACHE_MS, `${path}.cache_duration`),
    isPrefetched: asyncFetch !== undefined,
    failedRefetchMs: durationMs(asyncFetch?.failedRefetchDuration, DEFAULT_FAILED_REFETCH_MS),
    retries: retryPolicy === undefined ? 0 : (retryPolicy.numRetries ?? 1),
    backOffMs,
    backOffMaxMs: durationMs(retryPolicy?.retryBackOff?.maxInterval, backOffMs * DEFAULT_BACK_OFF_FACTOR),
  };
}
