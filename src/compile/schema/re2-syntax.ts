/**
 * Whether a regular expression is RE2's: JavaScript's syntax without what RE2 leaves out (look-around,
 * back-references), and with what it adds (inline flags, `\A`, `\z`, `\Q..\E`, POSIX classes, `(?P<name>`).
 * https://github.com/google/re2/wiki/Syntax
 */
import { compileRe2, Re2Missing } from '../../core/re2.ts';

const LOOK_AROUND = /\(\?(?:=|!|<=|<!)/;
const BACK_REFERENCE = /^(?:[1-9]|k<)/;

/** The expression with escaped pairs and character classes blanked, so that what is left is structure. */
function structureOf(pattern: string): string {
  return pattern
    .replaceAll(/\\Q.*?(?:\\E|$)/gs, 'q')
    .replaceAll(/\\./gs, '.')
    .replaceAll(/\[\^?\]?(?:\[:[^\]]*:\]|[^\]])*\]/gs, 'c');
}

/** RE2's own spellings rewritten to those that JavaScript compiles; what it matches does not matter here. */
function toJavaScript(pattern: string): string {
  return pattern
    .replaceAll(/\\Q(.*?)(?:\\E|$)/gs, (_, literal: string) => literal.replaceAll(/[^\w\s]/g, String.raw`\$&`))
    .replaceAll(/\(\?P?<(\w+)>/g, '(?<$1>')
    .replaceAll(/\(\?[imsU]*(?:-[imsU]+)?\)/g, '')
    .replaceAll(/\(\?[imsU]*(?:-[imsU]+)?:/g, '(?:')
    .replaceAll(/\[:\^?\w+:\]/g, 'a')
    .replaceAll(/\\[AzCa]/g, '.')
    .replaceAll(/\\p\{?\^?\w+\}?|\\P\{?\^?\w+\}?/g, 'a')
    .replaceAll(/\\x\{[0-9a-fA-F]+\}/g, 'a');
}

/** True where RE2 compiles `pattern`; judged by RE2 itself where it is loaded, else by syntax. */
export function isRe2(pattern: string): boolean {
  try {
    compileRe2(pattern, '');
    return true;
  } catch (error) {
    return error instanceof Re2Missing && looksLikeRe2(pattern);
  }
}

function looksLikeRe2(pattern: string): boolean {
  if (LOOK_AROUND.test(structureOf(pattern))) return false;
  for (const match of pattern.matchAll(/\\([\s\S](?:<)?)/g)) if (BACK_REFERENCE.test(match[1] ?? '')) return false;
  // RE2 refuses repeats above 1000.
  for (const match of structureOf(pattern).matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    if (Number(match[1]) > 1_000 || Number(match[2] ?? 0) > 1_000) return false;
  }
  try {
    void new RegExp(toJavaScript(pattern));
    return true;
  } catch {
    return false;
  }
}
