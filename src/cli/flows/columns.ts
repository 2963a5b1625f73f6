/** How a flow is told in a line. */
import { type Flow, type FlowEnd, NO_CHAIN_FOUND, PLAINTEXT_REFUSED } from '../../model/flow.ts';
import type { Provenance } from '../../model/provenance.ts';
import { formatHost, formatLatency } from '../signals/columns.ts';
import type { FitColumn, Tone } from '../fit-table.ts';

/** `14:02:11.507`, of the clock here. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A workload, or where only that is known its address. */
export function formatEnd({ namespace, workload, address }: FlowEnd): string {
  return workload === '' ? address.replace(/:0$/, '') || '-' : `${namespace}/${workload}`;
}

function destinationOf({ destination, service, request }: Flow): string {
  const end = formatEnd(destination);
  return end === '-' ? formatHost(service) || request?.authority || '-' : end;
}

/** `GET /pay`, or what went through a connection. */
export function formatWhat({ request, bytesSent, bytesReceived, protocol }: Flow): string {
  return request === undefined ? `${protocol} ${bytesReceived}B in ${bytesSent}B out` : `${request.method} ${request.path}`;
}

export function formatStatus({ request }: Flow): string {
  if (request === undefined) return '-';
  const status = request.status === 0 ? '-' : String(request.status);
  return request.grpcStatus === undefined ? status : `${status}/${request.grpcStatus}`;
}

/** Details of what no policy of those that allow has let in. */
const NO_ALLOW = 'rbac_access_denied_matched_policy[none]';

/** A policy, and where it is written: `shop/strict mesh.yaml:3`. */
export function policyPlace({ namespace, name, file, line }: Provenance): string {
  return `${namespace}/${name} ${file}:${line}`;
}

/** Why it was denied or failed, in the words of the proxy; the policy by its name and place. */
export function formatWhy({ verdict, policy, flags, details }: Flow): string {
  if (policy !== undefined) {
    const place = policyPlace(policy);
    if (details === PLAINTEXT_REFUSED) return `plaintext, and mTLS is STRICT: ${place}`;
    return verdict === 'denied' ? place : `would be denied by ${place}`;
  }
  if (verdict === 'forwarded') return '';
  if (details === NO_ALLOW) return 'no ALLOW policy fits';
  if (details === NO_CHAIN_FOUND) return `${flags.join(',')} no filter chain takes such a connection`;
  return [flags.join(','), details].filter((text) => text !== '').join(' ');
}

/** Headers that a tap asked for. */
function formatHeaders({ request }: Flow): string {
  return Object.entries(request?.headers ?? {})
    .map(([name, value]) => `${name}: ${value}`)
    .join('  ');
}

const SIDES = { source: 'out', destination: 'in', gateway: 'gate' } as const;

/** What became of it and why, and the headers that were asked for. */
function verdictOf(flow: Flow): string {
  const why = formatWhy(flow);
  return [flow.isOpen === true ? 'open' : why === '' ? flow.verdict : `${flow.verdict}: ${why}`, formatHeaders(flow)]
    .filter((text) => text !== '')
    .join('  ');
}

function verdictTone({ verdict, request }: Flow): Tone {
  if (verdict === 'denied') return 'warn';
  if (verdict === 'failed' || (request !== undefined && request.status >= 500)) return 'bad';
  return 'good';
}

export type FlowColumn = FitColumn<Flow> & {
  /** Its share where lines come one after the other and no width is known beforehand. */
  readonly live: { readonly width: number; readonly grows?: number };
};

export const FLOW_COLUMNS: readonly FlowColumn[] = [
  { title: 'TIME', cell: ({ startMs }) => formatTime(startMs), tone: () => 'dim', dropAt: 3, live: { width: 12 } },
  { title: 'SIDE', cell: ({ reporter }) => SIDES[reporter], tone: () => 'dim', dropAt: 4, live: { width: 4 } },
  { title: 'FROM', cell: ({ source }) => formatEnd(source), live: { width: 12, grows: 1 } },
  { title: 'TO', cell: destinationOf, live: { width: 12, grows: 1 } },
  { title: 'REQUEST', cell: formatWhat, live: { width: 14, grows: 2 } },
  { title: 'STATUS', cell: formatStatus, align: 'right', tone: verdictTone, dropAt: 2, live: { width: 6 } },
  { title: 'TOOK', cell: ({ durationMs }) => formatLatency(durationMs), align: 'right', dropAt: 5, live: { width: 6 } },
  {
    title: 'MTLS',
    cell: ({ isMutualTls }) => (isMutualTls ? 'yes' : 'no'),
    tone: ({ isMutualTls }) => (isMutualTls ? 'dim' : 'warn'),
    dropAt: 7,
    live: { width: 4 },
  },
  { title: 'VERDICT', cell: verdictOf, tone: verdictTone, cutAt: 'end', live: { width: 14, grows: 3 } },
];
