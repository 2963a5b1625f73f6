/**
 * Envoy's substitution formats as far as they can be checked without a proxy: how commands are written, and their names.
 * Who writes a format learns from the control plane, with file and line, what is wrong with it.
 */

/** A command, or `%%`: name, argument, length. Sticky: it is asked where a `%` stands. */
export const LOG_COMMAND = /%(?:%|([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d+))?%)/y;

/** True where every `%` of `format` begins a command, or is written twice. */
export function isLogFormat(format: string): boolean {
  for (let at = format.indexOf('%'); at !== -1; at = format.indexOf('%', LOG_COMMAND.lastIndex)) {
    LOG_COMMAND.lastIndex = at;
    if (!LOG_COMMAND.test(format)) return false;
  }
  return true;
}
