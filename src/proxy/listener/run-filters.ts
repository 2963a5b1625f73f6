import type { Clock } from '../../core/clock.ts';
import type { PeekEnd } from '../../net/incoming.ts';
import type { ProxyHeader } from '../../wire/proxy-protocol/result.ts';
import { type Inspection, type Inspectors, inspect, NOTHING_FOUND } from './inspect.ts';
import type { ListenerFilters } from './listener-filters.ts';
import type { AcceptedSocket } from './listener-scope.ts';
import { type HeaderVerdict, judgeHeader, metadataOf, type ProxyProtocolStats } from './proxy-protocol.ts';

/** The listener for which the filters run. */
export interface FilterHost {
  readonly filters: ListenerFilters;
  readonly clock: Clock;
  readonly proxyProtocolStats: ProxyProtocolStats | undefined;
  /** Counts a connection beyond the rate. */
  readonly rateLimited?: (() => void) | undefined;
  /** Counts below the listener's statistics. */
  count(name: string): void;
  /** The filters have seen enough. */
  onReady(accepted: AcceptedSocket, inspection: Inspection): void;
  /** The socket was closed before they had. */
  onClosed(accepted: AcceptedSocket): void;
}

function close(accepted: AcceptedSocket, host: FilterHost): void {
  accepted.incoming.destroy();
  host.onClosed(accepted);
}

/** What became of a look that saw too little: the filters after it do not run any more. */
function giveUp(accepted: AcceptedSocket, host: FilterHost, end: PeekEnd): void {
  host.count(end === 'timeout' ? 'downstream_pre_cx_timeout' : 'downstream_listener_filter_remote_close');
  if (end === 'timeout' && host.filters.continuesOnTimeout) host.onReady(accepted, NOTHING_FOUND);
  else close(accepted, host);
}

/** `tls_inspector` and `http_inspector`. */
function look(accepted: AcceptedSocket, host: FilterHost, timeoutMs: number): void {
  const { filters } = host;
  const tls = filters.tlsInspector?.(accepted.local.port) ?? false;
  const http = filters.httpInspector?.(accepted.local.port) ?? false;
  // a function of its own: closures would be made for connections that nobody looks at, too
  if (tls || http) inspectFirst(accepted, host, timeoutMs, { tls, http });
  else host.onReady(accepted, NOTHING_FOUND);
}

function inspectFirst(accepted: AcceptedSocket, host: FilterHost, timeoutMs: number, inspectors: Inspectors): void {
  let found: Inspection | undefined;
  const decide = (bytes: Uint8Array): number | undefined => {
    found = inspect(bytes, inspectors);
    return found && 0;
  };
  accepted.incoming.peek(timeoutMs, decide, (end) => {
    if (end === 'decided') host.onReady(accepted, found ?? NOTHING_FOUND);
    else giveUp(accepted, host, end);
  });
}

/** The socket as the header describes it. */
function described(accepted: AcceptedSocket, header: ProxyHeader, filter: NonNullable<ListenerFilters['proxyProtocol']>): AcceptedSocket {
  const metadata = metadataOf(header.tlvs, filter.settings) ?? accepted.metadata;
  const proxyTlvs = header.tlvs.filter(({ type }) => filter.settings.passes(type));
  if (header.endpoints === undefined) return { ...accepted, metadata, proxyTlvs };
  const { source, destination } = header.endpoints;
  const directRemote = accepted.directRemote ?? accepted.remote;
  const from = { ...accepted, metadata, proxyTlvs, remote: { host: source.address, port: source.port }, directRemote };
  // the filter that comes last has the last word
  if (accepted.isRedirected && filter.isBeforeOriginalDst) return from;
  const local = { host: destination.address, port: destination.port };
  const isRedirected = accepted.isRedirected || local.host !== accepted.local.host || local.port !== accepted.local.port;
  return { ...from, local, isRedirected, directLocal: accepted.directLocal ?? accepted.local };
}

function readHeader(accepted: AcceptedSocket, host: FilterHost, filter: NonNullable<ListenerFilters['proxyProtocol']>): void {
  const { timeoutMs } = host.filters;
  const startMs = host.clock.monotonicMs();
  let verdict: HeaderVerdict | undefined;
  const decide = (bytes: Uint8Array): number | undefined => {
    verdict = judgeHeader(bytes, filter.settings);
    return verdict && (verdict.kind === 'header' ? verdict.header.lengthBytes : 0);
  };
  accepted.incoming.peek(timeoutMs, decide, (end) => {
    if (verdict === undefined || end !== 'decided') {
      giveUp(accepted, host, end);
      return;
    }
    host.proxyProtocolStats?.count(verdict);
    const leftMs = timeoutMs === 0 ? 0 : Math.max(1, timeoutMs - (host.clock.monotonicMs() - startMs));
    if (verdict.kind === 'header') look(described(accepted, verdict.header, filter), host, leftMs);
    else if (verdict.kind === 'absent' && verdict.isAllowed) look(accepted, host, leftMs);
    else close(accepted, host);
  });
}

/** Runs a listener's filters over the first bytes of a paused socket; all of them together have the listener's timeout. */
export function runListenerFilters(accepted: AcceptedSocket, host: FilterHost): void {
  const { proxyProtocol, rateLimit, timeoutMs } = host.filters;
  if (
    rateLimit?.runs(accepted.local.port) === true &&
    rateLimit.limit.isEnabled.value &&
    !rateLimit.limit.bucket.consume(host.clock.monotonicMs())
  ) {
    host.rateLimited?.();
    close(accepted, host);
    return;
  }
  if (proxyProtocol?.runs(accepted.local.port) === true) readHeader(accepted, host, proxyProtocol);
  else look(accepted, host, timeoutMs);
}
