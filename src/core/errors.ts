/** The two errors that cross a boundary; anything else that is thrown is a bug. */

/**
 * Configuration that cannot be accepted. It becomes a NACK on the wire, or a refused resource.
 *
 * `path` is the field's path from the resource's root (`filter_chains[0].filters[1]`), `reason` says what is
 * wrong with which value and how to mend it.
 */
export class ConfigError extends Error {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(path === '' ? reason : `${path}: ${reason}`, options);
    this.name = 'ConfigError';
    this.path = path;
    this.reason = reason;
  }
}

/**
 * Bytes of a peer that break the protocol they claim to speak. `status` is the HTTP status that answers them (0
 * where there is no answer but closing), `code` the stable name used in statistics and response code details.
 */
export class ProtocolError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
    this.status = status;
  }
}

/**
 * Errors made once, by code, so that a peer that sends rubbish costs no stack traces. Gives what finds them; the same
 * object each time.
 */
export function protocolErrors<Code extends string>(
  rows: readonly (readonly [code: Code, status: number, message: string])[],
): (code: Code) => ProtocolError {
  const byCode: ReadonlyMap<string, ProtocolError> = new Map(
    rows.map(([code, status, message]) => [code, new ProtocolError(code, status, message)]),
  );
  return (code) => byCode.get(code) ?? new ProtocolError(code, 400, code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
