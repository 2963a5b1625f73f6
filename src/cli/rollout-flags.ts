/** How a rollout goes, as `tulle apply` takes it. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { JsonObject } from './json.ts';

export interface RolloutFlags {
  readonly canary?: readonly JsonObject[];
  readonly interval?: number;
  readonly ackTimeout?: number;
  readonly maxErrorRate?: number;
  readonly minRequests?: number;
  readonly atOnce?: true;
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function parseSteps(text: string): JsonObject[] {
  return text.split(',').map((each) => {
    const word = each.trim();
    const share = /^(\d+(?:\.\d+)?)%$/.exec(word)?.[1];
    if (share !== undefined && Number(share) > 0 && Number(share) <= 100) return { percent: Number(share) };
    const revision = /^rev(?:ision)?=([A-Za-z0-9._-]+)$/.exec(word)?.[1];
    if (revision !== undefined) return { revision };
    throw new InvalidArgumentError(`"${word}" is neither a share, as 10%, nor a revision, as rev=canary.`);
  });
}

function parseTime(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = UNITS_MS[unit];
  if (factor !== undefined) return Number(digits) * factor;
  throw new InvalidArgumentError(`"${text}" is not a time, as 30s or 5m.`);
}

function parseRate(text: string): number {
  const [, digits = ''] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (digits !== '' && Number(digits) <= 100) return Number(digits) / 100;
  throw new InvalidArgumentError(`"${text}" is not a share, as 5%.`);
}

function parseCount(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not a number.`);
}

/** Adds the flags to a command. */
export function addRolloutFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--canary <steps>', 'who gets it first, and next: 10%,50% of proxies, or rev=NAME by the label istio.io/rev').argParser(
        parseSteps,
      ),
    )
    .addOption(new Option('--interval <time>', 'how long each step is watched (default: 1m, or what the mesh says)').argParser(parseTime))
    .addOption(new Option('--max-error-rate <share>', 'failed requests beyond those before that end it (default: 5%)').argParser(parseRate))
    .addOption(new Option('--min-requests <count>', 'with fewer requests errors are not judged (default: 20)').argParser(parseCount))
    .addOption(new Option('--ack-timeout <time>', 'how long proxies may take to acknowledge (default: 30s)').argParser(parseTime))
    .option('--at-once', 'for all proxies at once, whatever the mesh says');
}

/** The `policy` of `POST /api/apply`: undefined leaves it to the mesh, null is at once. */
export function policyOf({ canary, interval, ackTimeout, maxErrorRate, minRequests, atOnce }: RolloutFlags): JsonObject | null | undefined {
  if (atOnce === true) return null;
  const policy = { steps: canary, intervalMs: interval, ackTimeoutMs: ackTimeout, errorRateMax: maxErrorRate, requestsMin: minRequests };
  return Object.values(policy).every((value) => value === undefined) ? undefined : policy;
}
