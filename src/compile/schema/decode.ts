/** Checks a YAML node against a schema and decodes it. Every error is reported; an absent result means some were. */
import { didYouMean } from './suggest.ts';
import { decodeScalar } from './decode-scalar.ts';
import { formatAllows, hasFormat } from './formats.ts';
import { FreeFormError, readFreeForm } from './free-form.ts';
import { joinPath, PLACE, type Position } from './located.ts';
import type { Report } from './report.ts';
import type { Field, FieldRule, Infer, ListSchema, MapSchema, ObjectSchema, Schema, UnsupportedField } from './schema.ts';
import { describe, entriesOf, MAX_DEPTH, MAX_VALUES, positionOfNode, valueOf, type Entry, type Source, type Value } from './yaml-node.ts';

/** Stands for a value that was refused; the reason is in the report. */
const REFUSED: unique symbol = Symbol('refused');

/** State of one decoding. */
interface Decoding {
  readonly source: Source;
  readonly report: Report;
  valueCount: number;
}

/** One node under the eyes: what it is, and where. */
interface Spot {
  readonly value: Value;
  readonly at: Position;
  readonly path: string;
  readonly depth: number;
}

/**
 * The value of `node`, or undefined where something in it was refused (the report says what).
 *
 * `path` is the node's path from the resource's root.
 */
export function decode<S extends Schema>(schema: S, source: Source, node: unknown, report: Report, path = ''): Infer<S> | undefined {
  const decoding: Decoding = { source, report, valueCount: 0 };
  const errorsBefore = report.diagnostics.length;
  const decoded = decodeAny(schema, decoding, { value: valueOf(source, node), at: positionOfNode(source, node), path, depth: 0 });
  const isRefused = report.diagnostics.slice(errorsBefore).some(({ severity }) => severity === 'error');
  // The one cast of the schema language: decodeAny follows the schema that Infer reads.
  return isRefused || decoded === REFUSED ? undefined : (decoded as Infer<S>);
}

function decodeAny(schema: Schema, decoding: Decoding, spot: Spot): unknown {
  decoding.valueCount++;
  if (spot.depth > MAX_DEPTH || decoding.valueCount > MAX_VALUES) return refuseSize(decoding, spot);
  switch (schema.type) {
    case 'object':
      return decodeObject(schema, decoding, spot);
    case 'map':
      return decodeMap(schema, decoding, spot);
    case 'list':
      return decodeList(schema, decoding, spot);
    case 'free-form':
      return decodeFreeForm(decoding, spot);
    default: {
      const result = decodeScalar(schema, spot.value);
      if (result.refusal === undefined) return result.value;
      decoding.report.add('error', result.refusal.code, spot.at, spot.path, result.refusal.message);
      return REFUSED;
    }
  }
}

/** Reports the size once: what is refused is not walked further. */
function refuseSize(decoding: Decoding, spot: Spot): typeof REFUSED {
  if (decoding.valueCount !== MAX_VALUES + 2) {
    decoding.report.add('error', 'TUL018', spot.at, spot.path, `more than ${MAX_DEPTH} levels or ${MAX_VALUES} values are not read`);
    decoding.valueCount = MAX_VALUES + 1;
  }
  return REFUSED;
}

function wrongType(decoding: Decoding, { value, at, path }: Spot, wanted: string): typeof REFUSED {
  decoding.report.add('error', 'TUL012', at, path, `found ${describe(value)}, wants ${wanted}`);
  return REFUSED;
}

function child(decoding: Decoding, parent: Spot, node: unknown, path: string, fallback: unknown): Spot {
  const value = valueOf(decoding.source, node);
  // A block's own offset is on the line after its key; people look for the key.
  const at = positionOfNode(decoding.source, value.kind === 'scalar' ? node : fallback);
  return { value, at, path, depth: parent.depth + 1 };
}

function decodeList(schema: ListSchema, decoding: Decoding, spot: Spot): unknown {
  if (spot.value.kind !== 'list') return wrongType(decoding, spot, 'a list');
  const { items } = spot.value.node;
  if (items.length < schema.minItems) {
    decoding.report.add('error', 'TUL013', spot.at, spot.path, `the list has ${items.length} items, wants at least ${schema.minItems}`);
    return REFUSED;
  }
  const decoded: unknown[] = [];
  for (const [index, item] of items.entries()) {
    decoded.push(decodeAny(schema.of, decoding, child(decoding, spot, item, `${spot.path}[${index}]`, item)));
    if (decoding.valueCount > MAX_VALUES) return REFUSED;
  }
  return decoded.includes(REFUSED) ? REFUSED : decoded;
}

function decodeMap(schema: MapSchema, decoding: Decoding, spot: Spot): unknown {
  if (spot.value.kind !== 'map') return wrongType(decoding, spot, 'a map');
  const decoded: [string, unknown][] = [];
  let isRefused = false;
  for (const entry of entriesOf(decoding.source, spot.value.node)) {
    const path = `${spot.path}[${JSON.stringify(entry.name)}]`;
    if (schema.keyFormat !== undefined && !hasFormat(schema.keyFormat, entry.name)) {
      const at = positionOfNode(decoding.source, entry.key);
      decoding.report.add('error', 'TUL013', at, path, `the key "${entry.name}" is not allowed, wants ${formatAllows(schema.keyFormat)}`);
      isRefused = true;
    }
    const value = decodeAny(schema.of, decoding, child(decoding, spot, entry.value, path, entry.key));
    if (decoding.valueCount > MAX_VALUES) return REFUSED;
    if (value === REFUSED) isRefused = true;
    else decoded.push([entry.name, value]);
  }
  return isRefused ? REFUSED : Object.fromEntries(decoded);
}

function decodeFreeForm(decoding: Decoding, spot: Spot): unknown {
  if (spot.value.kind !== 'map') return wrongType(decoding, spot, 'a map with fields');
  const count = (): void => {
    decoding.valueCount++;
    if (decoding.valueCount > MAX_VALUES) throw new FreeFormError('TUL018', spot.at, '', `more than ${MAX_VALUES} values are not read`);
  };
  try {
    return readFreeForm(decoding.source, spot.value, spot, count);
  } catch (error) {
    if (!(error instanceof FreeFormError)) throw error;
    decoding.report.add('error', error.code, error.at, joinPath(spot.path, error.path), error.message);
    return REFUSED;
  }
}

function decodeObject(schema: ObjectSchema, decoding: Decoding, spot: Spot): unknown {
  if (spot.value.kind !== 'map') return wrongType(decoding, spot, 'a map with fields');
  // A field that is null counts as absent, as in Kubernetes.
  const entries = entriesOf(decoding.source, spot.value.node);
  const written = entries.filter(({ value }) => valueOf(decoding.source, value).kind !== 'null');
  for (const entry of entries) reportField(schema, decoding, spot, entry);
  const byName = new Map(written.map((entry) => [entry.name, entry]));
  const fields = new Map(written.map(({ name, key }) => [name, positionOfNode(decoding.source, key)]));
  const decoded: Record<string | symbol, unknown> = { [PLACE]: { ...spot.at, path: spot.path, fields } };
  let isRefused = false;
  for (const [name, field] of Object.entries<Field | UnsupportedField>(schema.fields)) {
    if (field.presence === 'unsupported') continue;
    const value = decodeField(name, field, byName.get(name), decoding, spot);
    if (value === REFUSED) isRefused = true;
    else decoded[name] = value;
  }
  for (const rule of schema.rules) if (!checkRule(rule, byName, decoding, spot)) isRefused = true;
  return isRefused ? REFUSED : decoded;
}

function decodeField(name: string, field: Field, entry: Entry | undefined, decoding: Decoding, spot: Spot): unknown {
  const path = joinPath(spot.path, name);
  if (entry !== undefined) return decodeAny(field.schema, decoding, child(decoding, spot, entry.value, path, entry.key));
  if (field.presence !== 'required') return field.default;
  decoding.report.add('error', 'TUL011', spot.at, path, `"${name}" is missing: ${field.description}`);
  return REFUSED;
}

/** Says what is to be said about a field's name alone: unknown, unsupported, deprecated. */
function reportField(schema: ObjectSchema, decoding: Decoding, spot: Spot, entry: Entry): void {
  const path = joinPath(spot.path, entry.name);
  const at = positionOfNode(decoding.source, entry.key);
  const field = Object.hasOwn(schema.fields, entry.name) ? schema.fields[entry.name] : undefined;
  if (field === undefined) {
    const names = Object.keys(schema.fields);
    const hint = didYouMean(entry.name, names) || ` Fields here are ${names.join(', ')}.`;
    decoding.report.add('error', 'TUL010', at, path, `there is no field "${entry.name}".${hint}`);
  } else if (field.presence === 'unsupported') {
    if (field.severity === 'none' || valueOf(decoding.source, entry.value).kind === 'null') return;
    const verdict = field.severity === 'error' ? 'refused, since leaving it out would change what happens' : 'left out';
    decoding.report.add(
      field.severity,
      'TUL016',
      at,
      path,
      `Tulle does not have "${entry.name}" (${trimEnd(field.description)}): ${verdict}`,
    );
  } else if (field.deprecated !== undefined) {
    decoding.report.add('warning', 'TUL017', at, path, `"${entry.name}" is deprecated: ${field.deprecated}`);
  }
}

function trimEnd(sentence: string): string {
  return sentence.replace(/\.$/, '');
}

function checkRule(rule: FieldRule, byName: ReadonlyMap<string, Entry>, decoding: Decoding, spot: Spot): boolean {
  const found = rule.fields.filter((name) => byName.has(name));
  const names = rule.fields.join(', ');
  if (found.length === 0 && rule.kind !== 'at-most-one') {
    decoding.report.add('error', 'TUL015', spot.at, spot.path, `one of ${names} is missing`);
    return false;
  }
  if (found.length > 1 && rule.kind !== 'at-least-one') {
    const second = byName.get(found[1] ?? '');
    const at = positionOfNode(decoding.source, second?.key);
    decoding.report.add('error', 'TUL015', at, spot.path, `${found.join(' and ')} exclude each other: only one of ${names} may be there`);
    return false;
  }
  return true;
}
