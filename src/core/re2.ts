/**
 * Regular expressions with RE2's syntax and guarantees (linear time): what Envoy's `safe_regex` means.
 *
 * Full matches of ordinary patterns run on JavaScript's engine (`re2-subset.ts`). The rest needs re2js, which costs a
 * process some 7 MiB and is therefore loaded on first need: `compileRe2` throws Re2Missing, and whoever can wait
 * calls `loadRe2` and compiles again.
 */
import type { RE2JS } from 're2js';
import { ConfigError, messageOf } from './errors.ts';
import { compileSubset } from './re2-subset.ts';

/** A compiled pattern. */
export interface Re2 {
  /** True where the whole text matches. */
  readonly fullMatch: (text: string) => boolean;
}

/** A pattern with its substitution. */
export interface Re2Substitution {
  /** Replaces every match; a text without a match comes back as it is. */
  replace(text: string): string;
}

/** re2js is needed and not loaded: call `loadRe2` and try again. Not an error of the configuration. */
export class Re2Missing extends Error {
  constructor() {
    super('re2js is not loaded');
    this.name = 'Re2Missing';
  }
}

let engine: typeof RE2JS | undefined;

/** Loads re2js once. */
export async function loadRe2(): Promise<void> {
  engine ??= (await import('re2js')).RE2JS;
}

function compileEngine(pattern: string, path: string): RE2JS {
  if (engine === undefined) throw new Re2Missing();
  try {
    return engine.compile(pattern);
  } catch (cause) {
    throw new ConfigError(path, `not a regular expression of RE2: ${messageOf(cause)}`, { cause });
  }
}

/** Compiles a pattern for full matches. `path` is the field's. Throws ConfigError for what RE2 refuses, or Re2Missing. */
export function compileRe2(pattern: string, path: string): Re2 {
  const fullMatch = compileSubset(pattern);
  if (fullMatch !== undefined) return { fullMatch };
  const compiled = compileEngine(pattern, path);
  return { fullMatch: (text) => compiled.testExact(text) };
}

/** The parts of a substitution: text, and numbers of groups (`\1`, `\0` for the whole match, `\\` for a backslash). */
function parseSubstitution(substitution: string, groups: number, path: string): (string | number)[] {
  const parts: (string | number)[] = [];
  for (const match of substitution.matchAll(/\\([\s\S]?)|[^\\]+/g)) {
    const escaped = match[1];
    if (escaped === undefined) parts.push(match[0]);
    else if (escaped === '\\') parts.push('\\');
    else if (/\d/.test(escaped) && Number(escaped) <= groups) parts.push(Number(escaped));
    else throw new ConfigError(path, `"\\${escaped}" is not a group of the pattern`);
  }
  return parts;
}

/**
 * Compiles a pattern and its substitution, as Envoy's `RegexMatchAndSubstitute` has them. Throws as `compileRe2`.
 *
 * Always by re2js: a search from every position is not linear in JavaScript's engine.
 */
export function compileRe2Substitution(pattern: string, substitution: string, path: string): Re2Substitution {
  const compiled = compileEngine(pattern, `${path}.pattern.regex`);
  const parts = parseSubstitution(substitution, compiled.groupCount(), `${path}.substitution`);
  return {
    replace(text) {
      const matcher = compiled.matcher(text);
      let result = '';
      let end = 0;
      let isFirst = true;
      while (matcher.find()) {
        // RE2 does not take an empty match right behind another match
        if (!isFirst && matcher.end() === matcher.start() && matcher.start() === end) continue;
        result += text.slice(end, matcher.start());
        for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(part) ?? '');
        end = matcher.end();
        isFirst = false;
      }
      return result + text.slice(end);
    },
  };
}
