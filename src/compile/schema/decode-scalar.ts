import type { DiagnosticCode } from './codes.ts';
import { parseDurationMs } from './duration.ts';
import { formatAllows, formatProblem, hasFormat } from './formats.ts';
import type { EnumSchema, FreeFormSchema, ListSchema, MapSchema, NumberSchema, ObjectSchema, Schema, StringSchema } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { describe, type Value } from './yaml-node.ts';

export type ScalarSchema = Exclude<Schema, ObjectSchema | MapSchema | ListSchema | FreeFormSchema>;

interface Refusal {
  readonly code: DiagnosticCode;
  readonly message: string;
}

/** A decoded value, or why there is none. */
export type ScalarResult = { readonly value: unknown; readonly refusal?: undefined } | { readonly refusal: Refusal };

function refuse(code: DiagnosticCode, message: string): ScalarResult {
  return { refusal: { code, message } };
}

function wants(value: Value, wanted: string): ScalarResult {
  return refuse('TUL012', `found ${describe(value)}, wants ${wanted}`);
}

/** Decodes one value that has no parts. */
export function decodeScalar(schema: ScalarSchema, value: Value): ScalarResult {
  switch (schema.type) {
    case 'string':
      return decodeString(schema, value);
    case 'int':
    case 'number':
      return decodeNumber(schema, value);
    case 'bool':
      return value.kind === 'scalar' && typeof value.value === 'boolean' ? { value: value.value } : wants(value, 'true or false');
    case 'enum':
      return decodeEnum(schema, value);
    case 'duration':
      return decodeDuration(schema.minMs, value);
    case 'bytes':
      return decodeBytes(value);
    case 'int-or-string':
      return value.kind === 'scalar' && (Number.isSafeInteger(value.value) || (typeof value.value === 'string' && value.value !== ''))
        ? { value: value.value }
        : wants(value, 'a whole number or a name');
  }
}

function decodeString(schema: StringSchema, value: Value): ScalarResult {
  if (value.kind !== 'scalar' || typeof value.value !== 'string') {
    if (schema.isSensitive === true) return refuse('TUL012', 'the value is not text');
    return wants(value, value.kind === 'scalar' ? `text: write "${value.node.source ?? String(value.value)}" in quotes` : 'text');
  }
  const text = value.value;
  if (text === '' && schema.mayBeEmpty !== true) return refuse('TUL013', 'the text is empty');
  if (text !== '' && schema.format !== undefined && !hasFormat(schema.format, text)) {
    if (schema.isSensitive === true) return refuse('TUL013', `found text, wants ${formatAllows(schema.format)}`);
    const problem = formatProblem(schema.format, text) ?? `found ${describe(value)}, wants ${formatAllows(schema.format)}`;
    return refuse('TUL013', problem);
  }
  return { value: text };
}

function decodeNumber(schema: NumberSchema, value: Value): ScalarResult {
  const kind = schema.type === 'int' ? 'a whole number' : 'a number';
  const range = `${kind} from ${schema.min} to ${schema.max}`;
  if (value.kind !== 'scalar' || typeof value.value !== 'number') return wants(value, range);
  const isWhole = schema.type === 'number' || Number.isInteger(value.value);
  if (!isWhole || !(value.value >= schema.min && value.value <= schema.max)) {
    return refuse('TUL013', `found ${String(value.value)}, wants ${range}`);
  }
  return { value: value.value };
}

function decodeEnum(schema: EnumSchema, value: Value): ScalarResult {
  const allowed = schema.values.join(', ');
  if (value.kind !== 'scalar' || typeof value.value !== 'string') return wants(value, `one of ${allowed}`);
  const word = schema.isCaseInsensitive ? value.value.toUpperCase() : value.value;
  if (schema.values.includes(word)) return { value: word };
  const reason = Object.hasOwn(schema.unsupported, word) ? schema.unsupported[word] : undefined;
  if (reason !== undefined) return refuse('TUL016', `Tulle does not have "${word}": ${reason}`);
  return refuse('TUL014', `found ${describe(value)}, wants one of ${allowed}.${didYouMean(value.value, schema.values)}`);
}

function decodeDuration(minMs: number, value: Value): ScalarResult {
  const wanted = 'a span of time such as 250ms, 3s or 1h30m';
  if (value.kind !== 'scalar' || (typeof value.value !== 'string' && value.value !== 0)) return wants(value, wanted);
  const ms = parseDurationMs(String(value.value));
  if (ms === undefined) return refuse('TUL013', `found ${describe(value)}, wants ${wanted}`);
  if (ms < minMs) return refuse('TUL013', `found ${describe(value)}, wants at least ${minMs}ms`);
  return { value: ms };
}

/** Never repeats the text: it may be a key. */
function decodeBytes(value: Value): ScalarResult {
  if (value.kind !== 'scalar' || typeof value.value !== 'string') return refuse('TUL012', 'the value is not base64 text');
  try {
    return { value: Uint8Array.from(atob(value.value), (character) => character.codePointAt(0) ?? 0) };
  } catch {
    return refuse('TUL013', 'the value is not base64 text');
  }
}
