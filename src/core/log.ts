/** Structured logging: a constant message, data in fields. Requests are not logged here but in access logs. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'off';

type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3, off: 4 };

/** A log whose level can be turned while it is in use. */
export interface LeveledLog extends Log {
  level: LogLevel;
}

/**
 * A log that writes one line per event to `write`.
 *
 * `write` gets the whole line with its newline; `wallMs` stamps it (RFC 3339).
 */
export function createLog(write: (line: string) => void, wallMs: () => number, level: LogLevel = 'info'): LeveledLog {
  const emit = (at: Exclude<LogLevel, 'off'>, message: string, fields: LogFields | undefined): void => {
    if (RANK[at] < RANK[log.level]) return;
    let line = `${new Date(wallMs()).toISOString()} ${at} ${message}`;
    for (const [key, value] of Object.entries(fields ?? {})) {
      if (value === undefined) continue;
      const text = String(value);
      line += ` ${key}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
    }
    write(`${line}\n`);
  };
  const log: LeveledLog = {
    level,
    debug: (message, fields) => emit('debug', message, fields),
    info: (message, fields) => emit('info', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    error: (message, fields) => emit('error', message, fields),
  };
  return log;
}

/** A log that drops everything. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
