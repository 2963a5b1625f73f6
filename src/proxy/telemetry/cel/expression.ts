/** Expressions of the Common Expression Language over a stream. */
import { celDuration, type CelProgram, parseCel } from '../../../core/cel.ts';
import { ConfigError } from '../../../core/errors.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { ATTRIBUTES, type AttributeScope } from './attributes.ts';

/** The value for a stream; undefined where it has none: an attribute is not there, or types do not fit. */
export type Expression = (info: StreamInfo) => unknown;

/** Prepares an expression that stands at `path`. Throws ConfigError for one that cannot be read. */
export function compileExpression(text: string, path: string, scope: Omit<AttributeScope, 'duration'>): Expression {
  const program = parseCel(text);
  if (typeof program === 'string') throw new ConfigError(path, `${JSON.stringify(text)} is no CEL expression: ${program}`);
  return overStreams(program, text, scope);
}

function overStreams(program: CelProgram, text: string, scope: Omit<AttributeScope, 'duration'>): Expression {
  const own = { ...scope, duration: celDuration };
  // only what the expression may name is looked up
  const named = Object.entries(ATTRIBUTES).filter(([name]) => new RegExp(`\\b${name}\\b`).test(text));
  return (info) => {
    const context: Record<string, unknown> = {};
    for (const [name, read] of named) {
      const value = read(info, own);
      if (value !== undefined) context[name] = value;
    }
    try {
      return program(context);
    } catch {
      return undefined;
    }
  };
}
