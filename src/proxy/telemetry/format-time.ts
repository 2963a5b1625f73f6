/** Times as access logs write them: ISO 8601 with milliseconds, or strftime specifiers. Source: Envoy, %START_TIME%. */
import { ConfigError } from '../../core/errors.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** One function a specifier; all in UTC. */
const SPECIFIERS: Readonly<Record<string, (at: Date) => string>> = {
  a: (at) => DAYS[at.getUTCDay()] ?? '',
  b: (at) => MONTHS[at.getUTCMonth()] ?? '',
  d: (at) => pad(at.getUTCDate(), 2),
  e: (at) => String(at.getUTCDate()).padStart(2, ' '),
  F: (at) => at.toISOString().slice(0, 10),
  H: (at) => pad(at.getUTCHours(), 2),
  m: (at) => pad(at.getUTCMonth() + 1, 2),
  M: (at) => pad(at.getUTCMinutes(), 2),
  s: (at) => String(Math.floor(at.getTime() / 1000)),
  S: (at) => pad(at.getUTCSeconds(), 2),
  T: (at) => at.toISOString().slice(11, 19),
  Y: (at) => String(at.getUTCFullYear()),
  y: (at) => pad(at.getUTCFullYear() % 100, 2),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
};

/** Digits of the second's fraction; ours are exact to the millisecond. */
function fraction(digits: number): (at: Date) => string {
  return (at) => `${pad(at.getUTCMilliseconds(), 3)}000000`.slice(0, digits);
}

/** The clock on the wall of this machine, as if it showed UTC; and how far it is ahead of UTC, as `+0130`. */
function localTime(wallMs: number): { readonly at: Date; readonly zone: string } {
  const minutes = -new Date(wallMs).getTimezoneOffset();
  const ahead = Math.abs(minutes);
  const zone = `${minutes < 0 ? '-' : '+'}${pad(Math.floor(ahead / 60), 2)}${pad(ahead % 60, 2)}`;
  return { at: new Date(wallMs + minutes * 60_000), zone };
}

function localWriter(spec: string, path: string): (wallMs: number) => string {
  if (spec === '')
    return (wallMs) => {
      const { at, zone } = localTime(wallMs);
      return at.toISOString().replace('Z', zone);
    };
  // what does not follow the local clock is put in by hand
  const parts = spec.split(/(%%|%[szZ])/).map((part, i) => (i % 2 === 1 || part === '' ? part : compileTime(part, path)));
  if (parts.includes('%Z')) throw new ConfigError(path, 'time specifier %Z is not supported by Tulle for local times; %z is');
  return (wallMs) => {
    const { at, zone } = localTime(wallMs);
    return parts
      .map((part) =>
        typeof part === 'function'
          ? part(at.getTime())
          : part === '%s'
            ? String(Math.floor(wallMs / 1000))
            : part === '%z'
              ? zone
              : part === ''
                ? ''
                : '%',
      )
      .join('');
  };
}

/**
 * Prepares a writer of wall time in milliseconds. `spec` '' is ISO 8601; a specifier we do not know is a ConfigError.
 * `isLocal`: by the clock of this machine's time zone, instead of UTC.
 */
export function compileTime(spec: string, path: string, isLocal = false): (wallMs: number) => string {
  if (isLocal) return localWriter(spec, path);
  if (spec === '') return (wallMs) => new Date(wallMs).toISOString();
  const parts: (string | ((at: Date) => string))[] = [];
  let from = 0;
  for (const match of spec.matchAll(/%(?:([1-9])?f|(.))/gs)) {
    parts.push(spec.slice(from, match.index));
    from = match.index + match[0].length;
    const letter = match[2];
    const writer = letter === undefined ? fraction(Number(match[1] ?? 9)) : SPECIFIERS[letter];
    if (writer === undefined) throw new ConfigError(path, `time specifier ${match[0]} is not supported by Tulle`);
    parts.push(writer);
  }
  parts.push(spec.slice(from));
  return (wallMs) => {
    const at = new Date(wallMs);
    let text = '';
    for (const part of parts) text += typeof part === 'string' ? part : part(at);
    return text;
  };
}
