/** `--window` of what asks for golden signals. */
import { Option } from 'commander';
import { parseDurationMs } from '../../compile/schema/duration.ts';
import { usageError } from '../errors.ts';

/** How far back the control plane knows golden signals. */
export const KEPT = '15m';
const KEPT_MS = parseDurationMs(KEPT) ?? 0;

function readWindow(text: string): string {
  const ms = parseDurationMs(text);
  if (ms === undefined || ms <= 0) throw usageError(`--window ${text} is not a time`, 'e.g. --window 5m');
  if (ms > KEPT_MS)
    throw usageError(
      `--window ${text} is longer than the ${KEPT} that the control plane keeps`,
      `e.g. --window ${KEPT}; a Prometheus keeps more (tulle prometheus-config)`,
    );
  return text;
}

/** The option; `summary` says what the time is of. */
export function windowOption(summary: string, otherwise: string): Option {
  return new Option('--window <time>', `${summary}, ${KEPT} at most`).argParser(readWindow).default(otherwise);
}
