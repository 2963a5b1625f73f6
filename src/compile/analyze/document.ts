/**
 * Documents as they were written, for what the model does not keep: annotations, versions, kinds that are not compiled,
 * and lines of single fields. Parsed only when asked for, one document at a time.
 */
import { isCollection, isMap, isNode, isSeq, LineCounter, parseDocument, type Document } from 'yaml';
import { isObject } from '../../core/object.ts';
import type { Provenance } from '../../model/provenance.ts';
import { resourceKey } from '../dialects/dialect.ts';

export type Json = Readonly<Record<string, unknown>>;

export interface RawDocument {
  readonly apiVersion: string;
  readonly kind: string;
  /** `default` where none is written. */
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly value: Json;
  /** `Kind namespace/name`. */
  readonly key: string;
  /** Where a field stands; the nearest that is written above it where it is not. */
  readonly originOf: (field: string) => Provenance;
}

export interface Documents {
  /** All documents of these kinds. */
  ofKinds(...kinds: readonly string[]): readonly RawDocument[];
  /** All documents whose text has `word`. */
  withText(word: string): readonly RawDocument[];
  /** The place of `subpath` below `origin`; `origin` itself where the document is not found. */
  placeOf(origin: Provenance, subpath: string): Provenance;
  /** What is written at `subpath` below `origin`; undefined where nothing is. */
  valueAt(origin: Provenance, subpath: string): unknown;
}

/** The map at a path of names; empty where there is none. */
export function mapAt(value: unknown, ...path: readonly string[]): Json {
  let at: unknown = value;
  for (const name of path) at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return isObject(at) ? at : {};
}

/** The items of the list at `name` of a map. */
export function listAt(value: Json, name: string): readonly unknown[] {
  const list = Object.hasOwn(value, name) ? value[name] : undefined;
  return Array.isArray(list) ? list : [];
}

/** The text at `name` of a map; '' where there is none. */
export function textAt(value: Json, name: string): string {
  const text = Object.hasOwn(value, name) ? value[name] : undefined;
  return typeof text === 'string' || typeof text === 'number' ? String(text) : '';
}

/** The fields of a map that are text. */
export function textsOf(value: Json): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(value).flatMap(([name, item]) => (typeof item === 'string' ? [[name, item]] : [])));
}

interface Piece {
  readonly file: string;
  readonly text: string;
  /** Lines before it. */
  readonly lineOffset: number;
  readonly lines: number;
  documents: readonly RawDocument[] | undefined;
}

function piecesOf(file: string, text: string): Piece[] {
  const pieces: Piece[] = [];
  let lineOffset = 0;
  for (const part of text.split(/^(?=---(?:\s|$))/m)) {
    const lines = part.split('\n').length - 1;
    pieces.push({ file, text: part, lineOffset, lines: lines + 1, documents: undefined });
    lineOffset += lines;
  }
  return pieces;
}

/** `spec.http[0].route` as names and numbers. */
function pathOf(field: string): (string | number)[] {
  return [...field.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, name]) => (index === undefined ? (name ?? '') : Number(index)));
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** Offset of the deepest node on the way to `path`; that of the key for a field of a map. */
function offsetOf(root: unknown, path: readonly (string | number)[]): number {
  let node = root;
  let offset = startOf(root) ?? 0;
  for (const step of path) {
    if (!isCollection(node)) return offset;
    const pair = isMap(node) ? node.items.find(({ key }) => isNode(key) && String(key) === String(step)) : undefined;
    const next: unknown = isSeq(node) ? node.items[Number(step)] : pair?.value;
    offset = startOf(pair?.key) ?? startOf(next) ?? offset;
    node = next;
  }
  return offset;
}

function rawDocument(piece: Piece, value: Json, node: unknown, lines: LineCounter): RawDocument | undefined {
  const metadata = mapAt(value, 'metadata');
  const [kind, name] = [textAt(value, 'kind'), textAt(metadata, 'name')];
  if (kind === '' || name === '') return undefined;
  const namespace = textAt(metadata, 'namespace') || 'default';
  return {
    apiVersion: textAt(value, 'apiVersion'),
    kind,
    namespace,
    name,
    labels: textsOf(mapAt(metadata, 'labels')),
    annotations: textsOf(mapAt(metadata, 'annotations')),
    value,
    key: resourceKey(kind, namespace, name),
    originOf(field) {
      const line = Math.max(lines.linePos(offsetOf(node, pathOf(field))).line, 1) + piece.lineOffset;
      return { kind, namespace, name, file: piece.file, line, field };
    },
  };
}

function itemsOf(value: Json, node: unknown): (readonly [value: unknown, node: unknown])[] {
  if (value['kind'] !== 'List') return [[value, node]];
  const items: unknown = isMap(node) ? node.get('items', true) : undefined;
  return listAt(value, 'items').map((item, index) => [item, isSeq(items) ? items.items[index] : undefined]);
}

function parsePiece(piece: Piece): readonly RawDocument[] {
  const lines = new LineCounter();
  try {
    const document: Document = parseDocument(piece.text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 1_000 });
    if (!isObject(value)) return [];
    return itemsOf(value, document.contents).flatMap(([item, node]) => {
      const made = isObject(item) ? rawDocument(piece, item, node, lines) : undefined;
      return made === undefined ? [] : [made];
    });
  } catch {
    // too deep, or too many aliases: the compiler says so
    return [];
  }
}

function documentsOf(piece: Piece): readonly RawDocument[] {
  piece.documents ??= parsePiece(piece);
  return piece.documents;
}

/** The documents of `texts`, by file. */
export function createDocuments(texts: ReadonlyMap<string, string>): Documents {
  const byFile = new Map([...texts].map(([file, text]) => [file, piecesOf(file, text)]));
  const all = [...byFile.values()].flat();
  const find = ({ file, line, kind, name, namespace }: Provenance): RawDocument | undefined =>
    byFile
      .get(file)
      ?.filter(({ lineOffset, lines }) => line > lineOffset && line <= lineOffset + lines)
      .flatMap(documentsOf)
      .find((document) => document.kind === kind && document.name === name && (namespace === '' || document.namespace === namespace));
  const joined = ({ field }: Provenance, subpath: string): string => (field === '' ? subpath : `${field}.${subpath}`);
  return {
    ofKinds: (...kinds) =>
      all
        .filter(({ text }) => kinds.some((kind) => text.includes(kind)))
        .flatMap(documentsOf)
        .filter(({ kind }) => kinds.includes(kind)),
    withText: (word) => all.filter(({ text }) => text.includes(word)).flatMap(documentsOf),
    placeOf: (origin, subpath) => find(origin)?.originOf(joined(origin, subpath)) ?? origin,
    valueAt(origin, subpath) {
      let at: unknown = find(origin)?.value;
      for (const step of pathOf(joined(origin, subpath))) {
        if (Array.isArray(at)) at = at[Number(step)];
        else at = isObject(at) && Object.hasOwn(at, String(step)) ? at[String(step)] : undefined;
      }
      return at;
    },
  };
}
