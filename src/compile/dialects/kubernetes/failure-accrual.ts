/** Failure accrual of a Service, as Linkerd's annotations ask for it. Source: Linkerd, "Circuit breaking". */
import type { FailureAccrual } from '../../../model/failure-accrual.ts';
import type { Lowering } from '../dialect.ts';
import { parseDurationMs } from '../../schema/duration.ts';
import type { Located } from '../../schema/located.ts';

const MODE = 'balancer.linkerd.io/failure-accrual';
const CONSECUTIVE = `${MODE}-consecutive-`;
const RATE = 'balancer.alpha.linkerd.io/failure-accrual-success-rate-';

interface Value {
  readonly fallback: string;
  readonly read: (text: string) => number | undefined;
  readonly wants: string;
}

function decimal(text: string): number | undefined {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

const count = (fallback: string): Value => ({
  fallback,
  read: (text) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined),
  wants: 'a whole number above 0',
});
const span = (fallback: string): Value => ({
  fallback,
  read(text) {
    const ms = parseDurationMs(text);
    return ms === undefined || ms <= 0 ? undefined : ms;
  },
  wants: 'a duration above 0, such as 1s',
});
const ratio = (fallback: string, most: number): Value => ({
  fallback,
  read(text) {
    const value = decimal(text);
    return value === undefined || value > most ? undefined : value;
  },
  wants: `a number from 0 to ${most}`,
});

/** Annotations with Linkerd's defaults. */
const VALUES = {
  maxFailures: [`${CONSECUTIVE}max-failures`, count('7')],
  minPenaltyMs: [`${CONSECUTIVE}min-penalty`, span('1s')],
  maxPenaltyMs: [`${CONSECUTIVE}max-penalty`, span('1m')],
  jitterRatio: [`${CONSECUTIVE}jitter-ratio`, ratio('0.5', 100)],
  threshold: [`${RATE}threshold`, ratio('0.8', 1)],
  windowMs: [`${RATE}window`, span('10s')],
  minRequests: [`${RATE}min-requests`, count('5')],
} as const satisfies Readonly<Record<string, readonly [annotation: string, value: Value]>>;

const KNOWN: ReadonlySet<string> = new Set([MODE, ...Object.values(VALUES).map(([name]) => name)]);

/** Reads the annotations of a Service; undefined where they ask for nothing. `owner` is what diagnostics point at. */
export function lowerFailureAccrual(lowering: Lowering, owner: Located): FailureAccrual | undefined {
  const { annotations } = lowering;
  const complain = (name: string, message: string): undefined => {
    lowering.error('TUL013', owner, '', `the annotation ${name} ${message}`);
  };
  for (const name of Object.keys(annotations)) {
    const isOurs = name.startsWith('balancer.linkerd.io/') || name.startsWith('balancer.alpha.linkerd.io/');
    if (isOurs && !KNOWN.has(name)) lowering.warning('TUL016', owner, '', `the annotation ${name} is not read`);
  }
  const mode = annotations[MODE];
  if (mode === undefined) return undefined;
  if (mode !== 'consecutive' && mode !== 'unified') return complain(MODE, `has "${mode}", wants "consecutive" or "unified"`);
  const read = ([name, { fallback, read: parse, wants }]: readonly [string, Value]): number => {
    const text = annotations[name] ?? fallback;
    const value = parse(text);
    if (value === undefined) complain(name, `has "${text}", wants ${wants}`);
    return value ?? parse(fallback) ?? 0;
  };
  const accrual: FailureAccrual = {
    maxFailures: read(VALUES.maxFailures),
    minPenaltyMs: read(VALUES.minPenaltyMs),
    maxPenaltyMs: read(VALUES.maxPenaltyMs),
    jitterRatio: read(VALUES.jitterRatio),
    successRate:
      mode === 'consecutive'
        ? undefined
        : { threshold: read(VALUES.threshold), windowMs: read(VALUES.windowMs), minRequests: read(VALUES.minRequests) },
  };
  if (accrual.maxPenaltyMs >= accrual.minPenaltyMs) return accrual;
  return complain(VALUES.maxPenaltyMs[0], 'is below the shortest penalty');
}
