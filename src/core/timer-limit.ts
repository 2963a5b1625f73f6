/** Node's timers hold 31 bits of milliseconds, nearly 25 days; one that is set for longer fires at once. */
const TIMER_MS_MAX = 0x7fff_ffff;

/** `ms` as a timer can have it: what is longer ends when a timer can last no longer. */
export function timerMs(ms: number): number {
  return Math.min(ms, TIMER_MS_MAX);
}
