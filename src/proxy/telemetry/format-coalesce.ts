/**
 * `COALESCE({"operators": ["REQUESTED_SERVER_NAME", { "command": "REQ", "param": ":authority", "max_length": 10 }]})`: the
 * first of several commands that has a value. Source: Envoy, "Access logging", command operators.
 */
import { messageOf, ConfigError } from '../../core/errors.ts';
import { isObject } from '../../core/object.ts';
import type { Extract } from './format.ts';

type Compile = (name: string, argument: string, path: string) => Extract;

function operatorsOf(argument: string, path: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(argument);
  } catch (cause) {
    throw new ConfigError(path, `COALESCE(${argument}) is no JSON: ${messageOf(cause)}`, { cause });
  }
  const operators = isObject(value) ? value['operators'] : undefined;
  if (!Array.isArray(operators) || operators.length === 0) throw new ConfigError(path, `COALESCE(${argument}) has no list of operators`);
  return operators;
}

function compileOperator(operator: unknown, path: string, compile: Compile): Extract {
  if (typeof operator === 'string') return compile(operator, '', path);
  const { command, param = '', max_length: maxLength } = isObject(operator) ? operator : {};
  if (typeof command !== 'string' || typeof param !== 'string')
    throw new ConfigError(path, `COALESCE: ${JSON.stringify(operator)} is neither a command nor { command, param }`);
  const extract = compile(command, param, path);
  if (maxLength === undefined) return extract;
  if (typeof maxLength !== 'number' || !Number.isInteger(maxLength) || maxLength < 1)
    throw new ConfigError(path, `COALESCE: max_length ${JSON.stringify(maxLength)} is no number of characters`);
  return (info) => {
    const value = extract(info);
    return typeof value === 'string' ? value.slice(0, maxLength) : value;
  };
}

/** Prepares the command; `compile` prepares one of those that it names. */
export function coalesce(argument: string, path: string, compile: Compile): Extract {
  const extracts = operatorsOf(argument, path).map((operator) => compileOperator(operator, path, compile));
  return (info) => {
    for (const extract of extracts) {
      const value = extract(info);
      if (value !== undefined && value !== null && value !== '') return value;
    }
    return undefined;
  };
}
