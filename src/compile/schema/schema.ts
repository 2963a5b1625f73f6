/**
 * The language that kinds are described in: plain data, from which validation, TypeScript types, CRDs and the
 * reference pages are all made. A schema never holds functions; text formats go by name (`formats.ts`).
 */
import type { FormatName } from './formats.ts';
import type { FreeForm } from './free-form.ts';
import type { Located } from './located.ts';

export interface StringSchema {
  readonly type: 'string';
  readonly format?: FormatName;
  /** True: '' is a value; otherwise it is refused. */
  readonly mayBeEmpty?: boolean;
  /** True: never repeated in a message. */
  readonly isSensitive?: boolean;
}

export interface NumberSchema {
  readonly type: 'int' | 'number';
  readonly min: number;
  readonly max: number;
}

export interface BoolSchema {
  readonly type: 'bool';
}

/** Go's notation (`1h30m`, `250ms`), decoded to milliseconds. */
export interface DurationSchema {
  readonly type: 'duration';
  readonly minMs: number;
}

/** Base64 text, decoded to bytes. */
export interface BytesSchema {
  readonly type: 'bytes';
}

/** A whole number, or a name. */
export interface IntOrStringSchema {
  readonly type: 'int-or-string';
}

/** A map of anything, whose fields others define. */
export interface FreeFormSchema {
  readonly type: 'free-form';
}

export interface EnumSchema<V extends string = string> {
  readonly type: 'enum';
  readonly values: readonly V[];
  /** Values that the format knows and Tulle does not have, with the reason. */
  readonly unsupported: Readonly<Record<string, string>>;
  /** True: `http` is read as `HTTP`. */
  readonly isCaseInsensitive: boolean;
}

export interface ListSchema<S extends Schema = Schema> {
  readonly type: 'list';
  readonly of: S;
  readonly minItems: number;
}

export interface MapSchema<S extends Schema = Schema> {
  readonly type: 'map';
  readonly of: S;
  readonly keyFormat?: FormatName;
}

/** How many of some fields may be there. */
export interface FieldRule {
  readonly kind: 'exactly-one' | 'at-most-one' | 'at-least-one';
  readonly fields: readonly string[];
}

export interface ObjectSchema<F extends Fields = Fields> {
  readonly type: 'object';
  readonly fields: F;
  readonly rules: readonly FieldRule[];
}

export type Schema =
  | StringSchema
  | NumberSchema
  | BoolSchema
  | DurationSchema
  | BytesSchema
  | IntOrStringSchema
  | FreeFormSchema
  | EnumSchema
  | ListSchema
  | MapSchema
  | ObjectSchema;

/** A field that is read. `deprecated` says what to write instead. */
export interface Field<S extends Schema = Schema, P extends 'required' | 'optional' | 'defaulted' = 'required' | 'optional' | 'defaulted'> {
  readonly presence: P;
  readonly schema: S;
  readonly description: string;
  readonly default?: unknown;
  readonly deprecated?: string;
}

/**
 * A field that the format knows and Tulle does not have. `error` refuses the resource, where leaving the field out
 * would send or admit traffic that must not be; `warning` leaves it out and says so; `none` is for fields that mean
 * nothing to a mesh.
 */
export interface UnsupportedField {
  readonly presence: 'unsupported';
  readonly severity: 'error' | 'warning' | 'none';
  readonly description: string;
}

export type Fields = Readonly<Record<string, Field | UnsupportedField>>;

/** The value that a schema decodes to. */
export type Infer<S> = Schema extends S ? unknown : InferOf<S>;

type InferOf<S> = S extends { type: 'string' }
  ? string
  : S extends { type: 'int' | 'number' | 'duration' }
    ? number
    : S extends { type: 'bool' }
      ? boolean
      : S extends { type: 'bytes' }
        ? Uint8Array
        : S extends { type: 'int-or-string' }
          ? number | string
          : S extends { type: 'free-form' }
            ? FreeForm
            : S extends EnumSchema<infer V>
              ? V
              : S extends ListSchema<infer I>
                ? readonly Infer<I>[]
                : S extends MapSchema<infer V>
                  ? Readonly<Record<string, Infer<V>>>
                  : S extends ObjectSchema<infer F>
                    ? InferFields<F>
                    : never;

type InferFields<F extends Fields> = {
  readonly [K in keyof F as F[K] extends UnsupportedField ? never : K]: F[K] extends Field<infer S, infer P>
    ? P extends 'optional'
      ? Infer<S> | undefined
      : Infer<S>
    : never;
} & Located;

/** Text; '' is refused unless `mayBeEmpty`. */
export function string(options: Omit<StringSchema, 'type'> = {}): StringSchema {
  return { type: 'string', ...options };
}

/** A whole number from `min` to `max`, both included. */
export function int(min = 0, max = 2 ** 32 - 1): NumberSchema & { readonly type: 'int' } {
  return { type: 'int', min, max };
}

/** Any number from `min` to `max`, both included. */
export function number(min: number, max: number): NumberSchema & { readonly type: 'number' } {
  return { type: 'number', min, max };
}

export const bool: BoolSchema = { type: 'bool' };
export const bytes: BytesSchema = { type: 'bytes' };
export const intOrString: IntOrStringSchema = { type: 'int-or-string' };
export const freeForm: FreeFormSchema = { type: 'free-form' };
export const port = int(1, 65_535);

/** A span of time of at least `minMs` milliseconds. */
export function duration(minMs = 0): DurationSchema {
  return { type: 'duration', minMs };
}

/** One word of several. */
export function oneOf<const V extends string>(
  values: readonly V[],
  options: { readonly unsupported?: Readonly<Record<string, string>>; readonly isCaseInsensitive?: boolean } = {},
): EnumSchema<V> {
  return { type: 'enum', values, unsupported: options.unsupported ?? {}, isCaseInsensitive: options.isCaseInsensitive ?? false };
}

/** A sequence with at least `minItems` items. */
export function list<S extends Schema>(of: S, minItems = 0): ListSchema<S> {
  return { type: 'list', of, minItems };
}

/** Free names to values. */
export function map<S extends Schema>(of: S, keyFormat?: FormatName): MapSchema<S> {
  return keyFormat === undefined ? { type: 'map', of } : { type: 'map', of, keyFormat };
}

/** Named fields; others are refused. */
export function object<const F extends Fields>(fields: F, rules: readonly FieldRule[] = []): ObjectSchema<F> {
  return { type: 'object', fields, rules };
}

/** A field that must be there. */
export function required<S extends Schema>(schema: S, description: string): Field<S, 'required'> {
  return { presence: 'required', schema, description };
}

/** A field that decodes to undefined where it is absent. */
export function optional<S extends Schema>(schema: S, description: string): Field<S, 'optional'> {
  return { presence: 'optional', schema, description };
}

/** A field that decodes to `value` where it is absent. */
export function defaulted<S extends Schema>(schema: S, value: Infer<S>, description: string): Field<S, 'defaulted'> {
  return { presence: 'defaulted', schema, description, default: value };
}

/** An old name for something; read, with a warning that says what to write instead. */
export function deprecated<S extends Schema>(schema: S, description: string, instead: string): Field<S, 'optional'> {
  return { presence: 'optional', schema, description, deprecated: instead };
}

/** A field that Tulle knows by name only; see {@link UnsupportedField}. */
export function unsupported(severity: UnsupportedField['severity'], description: string): UnsupportedField {
  return { presence: 'unsupported', severity, description };
}
