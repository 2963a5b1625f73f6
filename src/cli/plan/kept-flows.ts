/** Requests of the running mesh, as its flow records have them, to be asked about again. */
import { isIP } from 'node:net';
import { comparableRequestId } from '../../core/request-id.ts';
import { type Flow, latestWords } from '../../model/flow.ts';
import type { Asked, WorkloadName } from '../explain/asked.ts';

/** Distinct requests that are looked at; of each there may be any number. */
const MAX_DISTINCT = 2000;

function nameOf({ namespace, workload }: Flow['source']): WorkloadName {
  return { namespace, name: workload };
}

/** Host and port of `outbound|80||payments.shop.svc.cluster.local`; undefined for clusters that no service has. */
function calledOf({ cluster, service }: Flow): { readonly host: string; readonly port: number } | undefined {
  const [, port] = /^outbound\|(\d+)\|/.exec(cluster) ?? [];
  return port === undefined || service === '' ? undefined : { host: service, port: Number(port) };
}

/** Host and port of an authority; the port of the scheme where it has none. */
function authorityOf(authority: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(authority) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? undefined : { host: host.toLowerCase(), port: port === undefined ? 80 : Number(port) };
}

/** The service, and the port by which a caller without a proxy may have called it: that of the name it wrote, or the workload's own. */
function calledInPlaintext({ service, cluster, request }: Flow): { readonly host: string; readonly port: number } | undefined {
  const [, own] = /^inbound\|(\d+)\|/.exec(cluster) ?? [];
  const written = request === undefined ? undefined : authorityOf(request.authority);
  const port = written !== undefined && isIP(written.host) === 0 ? written.port : own === undefined ? undefined : Number(own);
  return service === '' || port === undefined ? undefined : { host: service, port };
}

function askedOf(flow: Flow): Asked | undefined {
  const { reporter, source, request, protocol } = flow;
  const isGateway = reporter === 'gateway';
  const from = source.workload === '' || source.workload === 'unknown' ? 'outside' : nameOf(source);
  if (reporter !== 'destination' && from === 'outside') return undefined;
  const called =
    reporter === 'destination'
      ? calledInPlaintext(flow)
      : ((isGateway ? undefined : calledOf(flow)) ?? authorityOf(request?.authority ?? ''));
  if (called === undefined) return undefined;
  return {
    from: isGateway ? undefined : from,
    via: isGateway ? nameOf(source) : undefined,
    to: { scheme: protocol, ...called, path: request?.path ?? '/' },
    method: request?.method || 'GET',
    headers: Object.entries(request?.headers ?? {}).filter(([, value]) => value !== '[redacted]'),
  };
}

/**
 * Those that count each request once: of the caller's proxy or a gateway, and of called ones where no such proxy can tell,
 * because the caller has none.
 */
function once(flows: readonly Flow[], hasProxy: (workload: string) => boolean): Flow[] {
  const told = new Set(flows.flatMap(({ reporter, id }) => (reporter === 'destination' ? [] : [comparableRequestId(id)])));
  return flows.filter(
    ({ reporter, isMutualTls, source: { namespace, workload }, id }) =>
      reporter !== 'destination' || (!isMutualTls && !hasProxy(`${namespace}/${workload}`) && !told.has(comparableRequestId(id))),
  );
}

/** The requests behind `flows`, the newest of them where they are too many. */
export function askedOfFlows(flows: readonly Flow[], hasProxy: (workload: string) => boolean): Asked[] {
  const distinct = new Set<string>();
  const asked: Asked[] = [];
  for (const flow of once(latestWords(flows), hasProxy).toReversed()) {
    const own = askedOf(flow);
    if (own === undefined) continue;
    const key = JSON.stringify(own);
    if (!distinct.has(key) && distinct.size >= MAX_DISTINCT) continue;
    distinct.add(key);
    asked.push(own);
  }
  return asked.toReversed();
}
