/** Requests of the running mesh, as its flow records have them, to be asked about again. */
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

/** Of a caller's proxy, or a gateway: others tell of the same requests again. */
function askedOf(flow: Flow): Asked | undefined {
  const { reporter, source, request, protocol } = flow;
  if (reporter === 'destination' || source.workload === '') return undefined;
  const isGateway = reporter === 'gateway';
  const called = isGateway ? authorityOf(request?.authority ?? '') : (calledOf(flow) ?? authorityOf(request?.authority ?? ''));
  if (called === undefined) return undefined;
  return {
    from: isGateway ? undefined : nameOf(source),
    via: isGateway ? nameOf(source) : undefined,
    to: { scheme: protocol, ...called, path: request?.path ?? '/' },
    method: request?.method || 'GET',
    headers: Object.entries(request?.headers ?? {}).filter(([, value]) => value !== '[redacted]'),
  };
}

/** The requests behind `flows`, the newest of them where they are too many. */
export function askedOfFlows(flows: readonly Flow[]): Asked[] {
  const distinct = new Set<string>();
  const asked: Asked[] = [];
  for (const flow of latestWords(flows).toReversed()) {
    const own = askedOf(flow);
    if (own === undefined) continue;
    const key = JSON.stringify(own);
    if (!distinct.has(key) && distinct.size >= MAX_DISTINCT) continue;
    distinct.add(key);
    asked.push(own);
  }
  return asked.toReversed();
}
