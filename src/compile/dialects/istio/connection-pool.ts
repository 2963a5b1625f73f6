import type { ConnectionPool } from '../../../model/traffic-policy.ts';
import { bool, defaulted, duration, int, object, oneOf, optional, type Infer } from '../../schema/schema.ts';

const count = int(0, 2 ** 31 - 1);

/** Long enough for any network that still carries requests. */
const PING_TIMEOUT_MS = 10_000;

/** Probes of the operating system on connections that are silent. */
export const tcpKeepaliveSchema = object({
  probes: optional(count, 'Probes without an answer before the connection counts as dead.'),
  time: optional(duration(1_000), 'Silence before the first probe.'),
  interval: optional(duration(1_000), 'Pause between probes.'),
});

const tcpSchema = object({
  maxConnections: optional(count, 'Most connections to the host; 2^32-1 where absent.'),
  connectTimeout: optional(duration(1), 'Time to connect; 10s where absent.'),
  tcpKeepalive: optional(tcpKeepaliveSchema, 'Probes of the operating system.'),
  maxConnectionDuration: optional(duration(1), 'Longest life of a connection; unlimited where absent.'),
  idleTimeout: optional(duration(), 'Silence after which a TCP connection is closed; 1h where absent, 0s never.'),
});

const httpSchema = object({
  http1MaxPendingRequests: optional(count, 'Most requests that wait for a connection.'),
  http2MaxRequests: optional(count, 'Most requests at a time, of HTTP/1.1 too.'),
  maxRequestsPerConnection: optional(count, 'Requests after which a connection is closed; 0 unlimited, 1 no keep-alive.'),
  maxRetries: optional(count, 'Most retries at a time.'),
  idleTimeout: optional(duration(), 'Silence after which an upstream connection is closed; 1h where absent.'),
  h2UpgradePolicy: defaulted(oneOf(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']), 'DEFAULT', 'Whether HTTP/1.1 is sent on as HTTP/2.'),
  useClientProtocol: defaulted(bool, false, 'Whether the protocol of the client is kept.'),
  maxConcurrentStreams: optional(count, 'Most streams of an HTTP/2 connection.'),
  http2KeepAlive: optional(
    object({
      interval: optional(duration(1), 'Time between two pings; none where absent.'),
      timeout: defaulted(duration(1), PING_TIMEOUT_MS, 'Time for the answer to a ping, after which the connection is closed.'),
    }),
    'Pings on HTTP/2 connections.',
  ),
});

/** Limits of connections and requests to a host. */
export const connectionPoolSchema = object({
  tcp: optional(tcpSchema, 'Limits of connections.'),
  http: optional(httpSchema, 'Limits of requests.'),
});

/** The probes in the model. */
export function lowerTcpKeepalive(written: Infer<typeof tcpKeepaliveSchema> | undefined): ConnectionPool['tcpKeepalive'] {
  return written && { probes: written.probes, timeMs: written.time, intervalMs: written.interval };
}

/** The limits in the model. */
export function lowerConnectionPool(written: Infer<typeof connectionPoolSchema> | undefined): ConnectionPool | undefined {
  if (written === undefined) return undefined;
  const { tcp, http } = written;
  const pings = http?.http2KeepAlive;
  return {
    maxConnections: tcp?.maxConnections,
    connectTimeoutMs: tcp?.connectTimeout,
    tcpKeepalive: lowerTcpKeepalive(tcp?.tcpKeepalive),
    maxConnectionDurationMs: tcp?.maxConnectionDuration,
    tcpIdleTimeoutMs: tcp?.idleTimeout,
    http1MaxPendingRequests: http?.http1MaxPendingRequests,
    http2MaxRequests: http?.http2MaxRequests,
    maxRequestsPerConnection: http?.maxRequestsPerConnection,
    maxRetries: http?.maxRetries,
    httpIdleTimeoutMs: http?.idleTimeout,
    h2UpgradePolicy: http?.h2UpgradePolicy ?? 'DEFAULT',
    useClientProtocol: http?.useClientProtocol ?? false,
    maxConcurrentStreams: http?.maxConcurrentStreams,
    http2KeepAlive: pings === undefined ? undefined : { intervalMs: pings.interval, timeoutMs: pings.timeout },
  };
}
