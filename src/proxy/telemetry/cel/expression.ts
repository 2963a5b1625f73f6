/**
 * Expressions of the Common Expression Language over a stream. The library for them is loaded with the first one, at
 * once, so that one that is broken refuses the configuration it stands in.
 */
import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import type { Duration } from '@marcbachmann/cel-js/evaluator';
import { ConfigError, messageOf } from '../../../core/errors.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { ATTRIBUTES, type AttributeScope } from './attributes.ts';

/** The value for a stream; undefined where it has none: an attribute is not there, or types do not fit. */
export type Expression = (info: StreamInfo) => unknown;

interface Library {
  readonly environment: Cel.Environment;
  readonly Duration: new (seconds: bigint, nanos: number) => Duration;
}

let loaded: Library | undefined;

function library(): Library {
  if (loaded !== undefined) return loaded;
  const require = createRequire(import.meta.url);
  const { Environment }: typeof Cel = require('@marcbachmann/cel-js');
  const { Duration: OfTime }: { Duration: Library['Duration'] } = require('@marcbachmann/cel-js/evaluator');
  const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false });
  return (loaded = { environment, Duration: OfTime });
}

/** A duration of the language's. */
function celDuration(ms: number): Duration {
  const { Duration: OfTime } = library();
  const seconds = Math.floor(ms / 1000);
  return new OfTime(BigInt(seconds), Math.round((ms - seconds * 1000) * 1e6));
}

/** Prepares an expression that stands at `path`. Throws ConfigError for one that cannot be read. */
export function compileExpression(text: string, path: string, scope: Omit<AttributeScope, 'duration'>): Expression {
  let evaluate: ReturnType<Cel.Environment['parse']>;
  try {
    evaluate = library().environment.parse(text);
  } catch (cause) {
    throw new ConfigError(path, `${JSON.stringify(text)} is no CEL expression: ${messageOf(cause).split('\n', 1)[0] ?? ''}`, { cause });
  }
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
      const value: unknown = evaluate(context);
      return value;
    } catch {
      return undefined;
    }
  };
}
