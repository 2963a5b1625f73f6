/** What a client is told when no attempt brought a response. Source: Envoy's router: texts, flags and details. */
import type { Outcome } from '../cluster/cluster.ts';
import type { LocalReply } from '../http/filter.ts';
import type { ResponseFlag } from '../http/stream-info.ts';
import type { ResetReason } from './retry-decision.ts';

interface ResetMeaning {
  readonly text: string;
  readonly status: number;
  readonly flag: ResponseFlag;
}

const MEANINGS: Readonly<Record<ResetReason, ResetMeaning>> = {
  'connection failure': { text: 'remote connection failure', status: 503, flag: 'UF' },
  'connection timeout': { text: 'connection timeout', status: 503, flag: 'UF' },
  'connection termination': { text: 'connection termination', status: 503, flag: 'UC' },
  'remote reset': { text: 'remote reset', status: 503, flag: 'UR' },
  'refused stream': { text: 'remote refused stream reset', status: 503, flag: 'UR' },
  'protocol error': { text: 'protocol error', status: 502, flag: 'UPE' },
  overflow: { text: 'overflow', status: 503, flag: 'UO' },
  'per-try timeout': { text: 'upstream request timeout', status: 504, flag: 'UT' },
};

/** A reset in Envoy's words. */
export function resetText(reason: ResetReason): string {
  return MEANINGS[reason].text;
}

export function resetFlag(reason: ResetReason): ResponseFlag {
  return MEANINGS[reason].flag;
}

/** What outlier detection makes of a reset. */
export function outcomeOf(reason: ResetReason): Outcome {
  if (reason === 'connection failure' || reason === 'connection timeout') return { kind: 'local-origin-failure', cause: 'connect-failure' };
  return { kind: 'local-origin-failure', cause: reason === 'per-try timeout' ? 'timeout' : 'reset' };
}

/** Flag and details of a reset within a response. */
export function brokenResponse(reason: ResetReason): { readonly flag: ResponseFlag; readonly details: string } {
  const { flag, text } = MEANINGS[reason];
  return { flag, details: `upstream_reset_after_response_started{${text.replaceAll(' ', '_')}}` };
}

/** What the system says of a connection that cannot be made, in the words that Envoy has for it. */
const CONNECT_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
  ENOENT: 'No such file or directory',
};

/** The transport's word for a failure, as logs have it. */
export function transportFailure(detail: string): string {
  const known = CONNECT_ERRORS[detail];
  return known === undefined ? detail : `delayed connect error: ${known}`;
}

/** The answer for a reset. `detail`: the transport's words, '' for none; they are for logs, not for clients. */
export function resetReply(reason: ResetReason, detail: string, attempts: number): LocalReply {
  const { text, status, flag } = MEANINGS[reason];
  if (reason === 'per-try timeout') return { status, body: text, details: detail === '' ? 'upstream_per_try_timeout' : detail, flag };
  const prefix = attempts > 1 ? 'retried and the latest reset reason: ' : 'reset reason: ';
  const facts = `${text}${detail === '' ? '' : `|${detail}`}`.replaceAll(/\s/g, '_');
  return {
    status,
    body: `upstream connect error or disconnect/reset before headers. ${prefix}${text}`,
    details: `upstream_reset_before_response_started{${facts}}`,
    flag,
    ...(reason === 'overflow' ? { headers: [['x-envoy-overloaded', 'true']] } : {}),
  };
}

/** Answers for requests that no reset ends. */
export const NO_HEALTHY_HOST = { status: 503, body: 'no healthy upstream', details: 'no_healthy_upstream', flag: 'UH' } as const;
export const DROPPED: LocalReply = {
  status: 503,
  body: 'unconditional drop overload',
  details: 'unconditional_drop_overload',
  flag: 'UDO',
  headers: [['x-envoy-unconditional-drop-overload', 'true']],
};
export const IN_MAINTENANCE: LocalReply = {
  status: 503,
  body: 'maintenance mode',
  details: 'maintenance_mode',
  flag: 'UO',
  headers: [['x-envoy-overloaded', 'true']],
};
export const TIMED_OUT = { status: 504, body: 'upstream request timeout', details: 'response_timeout', flag: 'UT' } as const;
export const TOOK_TOO_LONG = {
  status: 408,
  body: 'upstream max stream duration reached',
  details: 'upstream_max_stream_duration_reached',
  flag: 'UMSDR',
} as const;
