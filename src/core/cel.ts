/**
 * The Common Expression Language: reading expressions. The library for it is loaded with the first one, at once, so that
 * one that is broken refuses the configuration it stands in.
 */
import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import type { Duration } from '@marcbachmann/cel-js/evaluator';
import { messageOf } from './errors.ts';

interface Library {
  readonly Environment: typeof Cel.Environment;
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
  return (loaded = { Environment, environment, Duration: OfTime });
}

/** An expression that has been read: its value for the variables that it is given. Throws where it has none. */
export type CelProgram = (variables: Readonly<Record<string, unknown>>) => unknown;

/** Reads an expression; a text says why it cannot be read. */
export function parseCel(text: string): CelProgram | string {
  try {
    const evaluate = library().environment.parse(text);
    return (variables): unknown => evaluate(variables);
  } catch (error) {
    return messageOf(error).split('\n', 1)[0] ?? '';
  }
}

/** True where `text` can be read. */
export function isCel(text: string): boolean {
  return typeof parseCel(text) !== 'string';
}

/** What an expression may name: variables with the names of what they hold, or undefined for any. */
type CelVariables = Readonly<Record<string, readonly string[] | undefined>>;

/** Says why an expression has no value, whatever it is asked of, or none of type `wants`; undefined where nothing speaks against it. */
type CelDoubt = (text: string, wants: 'bool' | 'any') => string | undefined;

/** Prepares to doubt expressions over `variables`. */
export function celDoubts(variables: CelVariables): CelDoubt {
  let environment: Cel.Environment | undefined;
  return (text, wants) => {
    if (environment === undefined) {
      environment = new (library().Environment)({ homogeneousAggregateLiterals: false });
      for (const [name, fields] of Object.entries(variables)) {
        if (fields === undefined) environment.registerVariable(name, 'dyn');
        else environment.registerVariable(name, { schema: Object.fromEntries(fields.map((field) => [field, 'dyn'])) });
      }
    }
    const { valid, type, error } = environment.check(text);
    if (!valid) return error === undefined ? 'it has no type' : messageOf(error).split('\n', 1)[0];
    return wants === 'any' || type === 'bool' || type === 'dyn' ? undefined : `it is of type ${type}, not bool`;
  };
}

/** A duration of the language's. */
export function celDuration(ms: number): unknown {
  const { Duration: OfTime } = library();
  const seconds = Math.floor(ms / 1000);
  return new OfTime(BigInt(seconds), Math.round((ms - seconds * 1000) * 1e6));
}
