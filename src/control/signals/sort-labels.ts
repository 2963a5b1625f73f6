/** What a series of Istio's metrics counts for: whose word it is, between whom, and whether it went well. */
import { GRPC_FAULTS } from '../../core/grpc-status.ts';
import { OVERFLOW, UNKNOWN } from '../../core/label-words.ts';
import type { CellKey, Teller } from './cells.ts';

/** What labels come to. */
export interface SeriesMeaning {
  readonly key: CellKey;
  readonly isFailure: boolean;
  /** A policy said no, as far as labels tell it. */
  readonly isDenied: boolean;
  readonly isMutual: boolean;
  readonly sourcePrincipal: string;
  readonly destinationPrincipal: string;
}

type Labels = ReadonlyMap<string, string>;

/** Flags of requests that the calling proxy did not pass on: nobody else counts them. Source: Envoy, response flags. */
export const UNSENT: ReadonlySet<string> = new Set([
  'NR',
  'UH',
  'UF',
  'UO',
  'NC',
  'FI',
  'RL',
  'RLSE',
  'UAEX',
  'IH',
  'DF',
  'NFCF',
  'DPE',
  'DO',
]);
/** Flags of denials, and statuses that are denials with one of these. */
const DENIED: ReadonlySet<string> = new Set(['UAEX', 'RL', 'RLSE']);
const DENIALS: ReadonlySet<string> = new Set(['401', '403', '429']);

function endOf(labels: Labels, side: 'source' | 'destination'): string {
  return `${labels.get(`${side}_workload_namespace`) ?? UNKNOWN}/${labels.get(`${side}_workload`) ?? UNKNOWN}`;
}

/**
 * The service's host. A proxy that refused all that came to a port need not know its cluster, and says what the caller
 * wrote: `payments`, `payments.shop:8080`.
 */
function serviceOf(labels: Labels): string {
  const host = labels.get('destination_service') ?? UNKNOWN;
  const namespace = labels.get('destination_workload_namespace') ?? UNKNOWN;
  if (labels.get('reporter') !== 'destination' || host === UNKNOWN || namespace === UNKNOWN) return host;
  const [, name = '', of = namespace] = /^([a-z0-9-]+)(?:\.([a-z0-9-]+))?(?:\.svc)?(?::\d+)?$/.exec(host) ?? [];
  return name === '' || of !== namespace ? host : `${name}.${namespace}.svc.cluster.local`;
}

function protocolOf(labels: Labels): CellKey['protocol'] {
  const protocol = labels.get('request_protocol');
  return protocol === 'tcp' || protocol === 'grpc' ? protocol : 'http';
}

/** A principal without its scheme, which clients of Istio's metrics leave out now and then; '' where not known. */
function principalOf(labels: Labels, name: string): string {
  const principal = labels.get(name) ?? '';
  return principal === UNKNOWN || principal === OVERFLOW || principal === ''
    ? ''
    : principal.startsWith('spiffe://')
      ? principal
      : `spiffe://${principal}`;
}

function failed(labels: Labels, protocol: CellKey['protocol'], flags: readonly string[]): boolean {
  const result = labels.get('result');
  if (result !== undefined) return result === 'failure';
  if (protocol === 'tcp') return flags.some((flag) => UNSENT.has(flag));
  const code = labels.get('response_code') ?? '';
  // 0: there was no answer
  if (code === '0' || /^5\d\d$/.test(code)) return true;
  return protocol === 'grpc' && GRPC_FAULTS.has(Number(labels.get('grpc_response_status')));
}

function denied(labels: Labels, protocol: CellKey['protocol'], flags: readonly string[]): boolean {
  if (labels.get('result') === 'denied') return true;
  return flags.some((flag) => DENIED.has(flag)) && (protocol === 'tcp' || DENIALS.has(labels.get('response_code') ?? ''));
}

/** True where the calling proxy answered by itself, by a route without a cluster: nobody is known at the other end. */
function isAnswered(labels: Labels, destinationPrincipal: string): boolean {
  const isNobody = ['workload', 'workload_namespace', 'cluster', 'service_namespace'].every(
    (name) => labels.get(`destination_${name}`) === UNKNOWN,
  );
  return isNobody && destinationPrincipal === '' && labels.get('destination_service_name') !== 'PassthroughCluster';
}

function tellerOf(labels: Labels, flags: readonly string[], destinationPrincipal: string): Teller {
  if (labels.get('reporter') === 'destination') return 'destination';
  // the mesh's own answer where a host is none of its own, and traffic to others is not allowed
  const isBlocked = labels.get('destination_service_name') === 'BlackHoleCluster';
  return isBlocked || isAnswered(labels, destinationPrincipal) || flags.some((flag) => UNSENT.has(flag)) ? 'unsent' : 'source';
}

/** Reads the labels of an `istio_` or `tulle_` series. */
export function meaningOf(labels: Labels): SeriesMeaning {
  const flags = (labels.get('response_flags') ?? '').split(',');
  const protocol = protocolOf(labels);
  const sourcePrincipal = principalOf(labels, 'source_principal');
  const destinationPrincipal = principalOf(labels, 'destination_principal');
  const policy = labels.get('connection_security_policy');
  return {
    key: {
      teller: tellerOf(labels, flags, destinationPrincipal),
      source: endOf(labels, 'source'),
      destination: endOf(labels, 'destination'),
      service: serviceOf(labels),
      route: labels.get('route') ?? '',
      protocol,
    },
    isFailure: failed(labels, protocol, flags),
    isDenied: denied(labels, protocol, flags),
    // who calls cannot see the policy, but both identities are proven by one handshake
    isMutual: policy === 'mutual_tls' || (policy !== 'none' && sourcePrincipal !== '' && destinationPrincipal !== ''),
    sourcePrincipal,
    destinationPrincipal,
  };
}
