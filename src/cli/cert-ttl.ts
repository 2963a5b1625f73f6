/** `--cert-ttl`, which `tulle control` and `tulle up` have. */
import { InvalidArgumentError, Option } from 'commander';
import { parseDurationMs } from '../compile/schema/duration.ts';

/** Certificates' times are whole seconds, and renewal comes at half of their life. */
const TTL_MIN_MS = 2_000;

function parse(text: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms < TTL_MIN_MS) throw new InvalidArgumentError('wants a duration of at least 2s, such as 24h');
  return ms;
}

/** The option; its value is in milliseconds. */
export function certTtlOption(): Option {
  return new Option('--cert-ttl <duration>', "life of workloads' certificates, renewed at half of it (default: 24h)").argParser(parse);
}
