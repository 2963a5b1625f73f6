/** Small readers of protobuf's well-known values. */
import type { Duration } from '@bufbuild/protobuf/wkt';
import { ConfigError } from '../../core/errors.ts';

/** A Duration in milliseconds, with fractions; `fallback` where it is not set. */
export function durationMs(duration: Duration | undefined, fallback: number): number {
  return duration === undefined ? fallback : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** As `durationMs`, but refuses a duration that is not above zero. */
export function positiveDurationMs(duration: Duration | undefined, fallback: number, path: string): number {
  const ms = durationMs(duration, fallback);
  if (duration !== undefined && ms <= 0) throw new ConfigError(path, `${ms / 1000} s is not above zero`);
  return ms;
}
