/** Values without a schema of ours: JSON, and where each part of it stood. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { DiagnosticCode } from './codes.ts';
import { PLACE, type Located, type Position } from './located.ts';
import { type Entry, entriesOf, MAX_DEPTH, positionOfNode, type Source, type Value, valueOf } from './yaml-node.ts';

/** A decoded map of anything. */
export interface FreeForm extends Located {
  readonly json: JsonObject;
  /** Where `path` below it (`a.b[0]`) stands; the deepest part on the way where it does not. */
  locate(path: string): Located;
}

/** Why a value is no JSON. */
export class FreeFormError extends Error {
  readonly code: DiagnosticCode;
  readonly at: Position;
  readonly path: string;

  constructor(code: DiagnosticCode, at: Position, path: string, message: string) {
    super(message);
    this.name = 'FreeFormError';
    this.code = code;
    this.at = at;
    this.path = path;
  }
}

/** What reading may cost, and where it writes down what stands where. */
interface Reading {
  readonly source: Source;
  /** Told of each value; throws where there are too many. */
  readonly count: () => void;
  readonly positions: Map<string, Position>;
}

function child(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function readMap(reading: Reading, entries: readonly Entry[], path: string, depth: number): JsonObject {
  const json: [string, JsonValue][] = [];
  for (const { name, key, value } of entries) {
    const at = child(path, name);
    reading.positions.set(at, positionOfNode(reading.source, key));
    json.push([name, readValue(reading, valueOf(reading.source, value), at, depth + 1)]);
  }
  return Object.fromEntries(json);
}

function readScalar(reading: Reading, value: Extract<Value, { kind: 'scalar' }>, path: string): JsonValue {
  const scalar = value.value;
  if (typeof scalar === 'string' || typeof scalar === 'boolean' || (typeof scalar === 'number' && Number.isFinite(scalar))) return scalar;
  throw new FreeFormError(
    'TUL012',
    positionOfNode(reading.source, value.node),
    path,
    `found ${String(scalar)}, which JSON has no value for`,
  );
}

function readValue(reading: Reading, value: Value, path: string, depth: number): JsonValue {
  reading.count();
  if (depth > MAX_DEPTH) {
    const at = positionOfNode(reading.source, value.kind === 'null' ? undefined : value.node);
    throw new FreeFormError('TUL018', at, path, `more than ${MAX_DEPTH} levels are not read`);
  }
  if (value.kind === 'null') return null;
  if (value.kind === 'scalar') return readScalar(reading, value, path);
  if (value.kind === 'map') return readMap(reading, entriesOf(reading.source, value.node), path, depth);
  return value.node.items.map((item, index) => {
    const at = `${path}[${index}]`;
    reading.positions.set(at, positionOfNode(reading.source, item));
    return readValue(reading, valueOf(reading.source, item), at, depth + 1);
  });
}

/** `a.b[0]` without its last step. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['), 0));
}

/**
 * Reads a map with whatever is in it. `path` is its own, from the resource's root. Throws FreeFormError for what JSON
 * cannot say, and whatever `count` throws.
 */
export function readFreeForm(
  source: Source,
  value: Extract<Value, { kind: 'map' }>,
  spot: { readonly at: Position; readonly path: string; readonly depth: number },
  count: () => void,
): FreeForm {
  const reading: Reading = { source, count, positions: new Map() };
  const json = readMap(reading, entriesOf(source, value.node), '', spot.depth);
  const { positions } = reading;
  const place = (position: Position, path: string): Located => ({ [PLACE]: { ...position, path, fields: new Map() } });
  return {
    ...place(spot.at, spot.path),
    json,
    locate(path) {
      let known = path;
      while (known !== '' && !positions.has(known)) known = parentOf(known);
      return place(positions.get(known) ?? spot.at, child(spot.path, path));
    },
  };
}
