/** The little of the `yaml` package's syntax tree that decoding needs, with aliases and merge keys followed. */
import { isAlias, isMap, isPair, isScalar, isSeq, type Document, type LineCounter, type Scalar, type YAMLMap, type YAMLSeq } from 'yaml';
import type { Position } from './located.ts';

/** Deepest nesting that is read; what nests deeper, or an alias to its own parent, is refused. */
export const MAX_DEPTH = 64;

/** Most values that one document may decode to, aliases counted each time they are used. */
export const MAX_VALUES = 200_000;

/** A document with what turns its offsets into lines. */
export interface Source {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  /** Lines before the text that `lines` counts. */
  readonly lineOffset: number;
}

export type Value =
  | { readonly kind: 'map'; readonly node: YAMLMap }
  | { readonly kind: 'list'; readonly node: YAMLSeq }
  | { readonly kind: 'scalar'; readonly value: unknown; readonly node: Scalar }
  | { readonly kind: 'null' };

export interface Entry {
  readonly name: string;
  readonly key: unknown;
  readonly value: unknown;
}

/** Where a node begins; the document's beginning where it has no place of its own. */
export function positionOfNode(source: Source, node: unknown): Position {
  const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
  const offset: unknown = Array.isArray(range) ? range[0] : source.document.range[0];
  const { line, col } = source.lines.linePos(typeof offset === 'number' ? offset : 0);
  return { line: Math.max(line, 1) + source.lineOffset, column: Math.max(col, 1) };
}

/** What a node is, behind aliases. An alias to nothing is a syntax error and never gets here. */
export function valueOf(source: Source, node: unknown): Value {
  const target = isAlias(node) ? node.resolve(source.document) : node;
  if (isMap(target)) return { kind: 'map', node: target };
  if (isSeq(target)) return { kind: 'list', node: target };
  if (isScalar(target) && target.value !== null && target.value !== undefined) return { kind: 'scalar', value: target.value, node: target };
  return { kind: 'null' };
}

/** The pairs of a map. Those of `<<` come after and never replace what stands in the map itself. */
export function entriesOf(source: Source, map: YAMLMap, depth = 0): readonly Entry[] {
  const entries = new Map<string, Entry>();
  const merged: Entry[] = [];
  for (const pair of map.items) {
    if (!isPair(pair)) continue;
    const name = isScalar(pair.key) ? String(pair.key.value) : '';
    if (name === '<<' && depth < MAX_DEPTH) merged.push(...mergedEntries(source, pair.value, depth));
    else entries.set(name, { name, key: pair.key, value: pair.value });
  }
  for (const entry of merged) if (!entries.has(entry.name)) entries.set(entry.name, entry);
  return [...entries.values()];
}

function mergedEntries(source: Source, node: unknown, depth: number): readonly Entry[] {
  const value = valueOf(source, node);
  if (value.kind === 'map') return entriesOf(source, value.node, depth + 1);
  if (value.kind === 'list') return value.node.items.flatMap((item) => mergedEntries(source, item, depth + 1));
  return [];
}

/** A value as messages show it: `"ten"`, `12`, `a map`. Long text is cut. */
export function describe(value: Value): string {
  if (value.kind === 'map') return 'a map';
  if (value.kind === 'list') return 'a list';
  if (value.kind === 'null') return 'nothing';
  if (typeof value.value !== 'string') return String(value.value);
  return JSON.stringify(value.value.length > 60 ? `${value.value.slice(0, 57)}...` : value.value);
}

/** The text at a path of field names, where there is some; for what must be known before a schema is chosen. */
export function peek(source: Source, node: unknown, path: readonly string[]): string | undefined {
  let value = valueOf(source, node);
  for (const name of path) {
    if (value.kind !== 'map') return undefined;
    value = valueOf(source, entriesOf(source, value.node).find((entry) => entry.name === name)?.value);
  }
  return value.kind === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
}
