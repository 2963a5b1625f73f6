/** An error for the person at the terminal: one line that says what is wrong, one that says what to do. */
export class CliError extends Error {
  readonly hint: string;
  readonly exitCode: number;

  constructor(message: string, hint = '', options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.name = 'CliError';
    this.hint = hint;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** What cannot be meant on a command line: an unknown name, or options that exclude each other. */
export function usageError(message: string, hint = '', cause?: unknown): CliError {
  return new CliError(message, hint, { cause, exitCode: EXIT.usage });
}

/** Exit codes: what ran and found fault, what could not be understood. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;
