/** Text to resources. Never throws for what a user wrote; never touches a file. */
import { LineCounter, parseAllDocuments } from 'yaml';
import { messageOf } from '../../core/errors.ts';
import type { Diagnostic } from '../../model/provenance.ts';
import type { Position } from '../schema/located.ts';
import { createReport } from '../schema/report.ts';
import { didYouMean } from '../schema/suggest.ts';
import { describe, peek, positionOfNode, valueOf, type Source } from '../schema/yaml-node.ts';
import { resourceKey, type Dialect, type Resource } from './dialect.ts';
import { findForeignKind, foreignKinds, groupOf } from './foreign-kinds.ts';
import { dialects } from './index.ts';

/** Longest file that is read, in characters. */
const MAX_LENGTH = 8 * 1024 * 1024;

export interface Loaded {
  readonly resources: Resource[];
  readonly diagnostics: Diagnostic[];
}

/** A part of a file between two `---`, with the number of lines before it. */
interface Piece {
  readonly text: string;
  readonly lineOffset: number;
}

/**
 * The resources of a file, and what is wrong with the others.
 *
 * `file` is the name that diagnostics and provenance carry. A document that is wrong does not keep others out.
 */
export function parseDocuments(file: string, text: string): Loaded {
  const loaded: Loaded = { resources: [], diagnostics: [] };
  if (text.length > MAX_LENGTH) {
    const report = createReport(file);
    report.add(
      'error',
      'TUL018',
      { line: 1, column: 1 },
      '',
      `the file has ${text.length} characters; more than ${MAX_LENGTH} are not read`,
    );
    loaded.diagnostics.push(...report.diagnostics);
    return loaded;
  }
  for (const piece of splitDocuments(text)) parsePiece(file, piece, loaded);
  loaded.diagnostics.sort((a, b) => a.line - b.line || a.column - b.column);
  return loaded;
}

/**
 * Cuts at every line that begins with `---`, which YAML allows nowhere but between documents, so that an open quote or
 * bracket spoils only its own document.
 */
function splitDocuments(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let lines: string[] = [];
  let lineOffset = 0;
  for (const [index, line] of text.split('\n').entries()) {
    // A directive (%YAML) belongs to the document that follows its marker.
    const isMarker = /^---(?=\s|$)/.test(line) && lines.some((before) => !/^(?:%.*|#.*|\s*)$/.test(before));
    if (isMarker) {
      pieces.push({ text: lines.join('\n'), lineOffset });
      lines = [];
      lineOffset = index;
    }
    lines.push(line);
  }
  pieces.push({ text: lines.join('\n'), lineOffset });
  return pieces;
}

function parsePiece(file: string, piece: Piece, loaded: Loaded): void {
  const lines = new LineCounter();
  const report = createReport(file);
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1) + piece.lineOffset, column: Math.max(col, 1) };
  };
  try {
    const documents = parseAllDocuments(piece.text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    if (!Array.isArray(documents)) return;
    for (const document of documents) {
      for (const error of document.errors) report.add('error', 'TUL001', at(error.pos[0]), '', `not YAML: ${error.message}`);
      for (const warning of document.warnings) report.add('warning', 'TUL001', at(warning.pos[0]), '', warning.message);
      if (document.errors.length > 0) continue;
      readNode({ document, lines, lineOffset: piece.lineOffset }, document.contents, file, loaded);
    }
  } catch (error) {
    // The parser runs out of stack on some thousands of nested brackets; nothing else is expected here.
    if (!(error instanceof RangeError)) throw error;
    report.add('error', 'TUL018', { line: piece.lineOffset + 1, column: 1 }, '', `the document is nested too deep: ${messageOf(error)}`);
  }
  loaded.diagnostics.push(...report.diagnostics);
}

function readNode(source: Source, node: unknown, file: string, loaded: Loaded): void {
  const value = valueOf(source, node);
  if (value.kind === 'null') return;
  const report = createReport(file);
  const at = positionOfNode(source, node);
  const apiVersion = peek(source, node, ['apiVersion']);
  const kind = peek(source, node, ['kind']);
  if (value.kind !== 'map') {
    report.add('error', 'TUL002', at, '', `found ${describe(value)}, wants a resource with apiVersion, kind and metadata`);
  } else if (apiVersion === 'v1' && kind === 'List') {
    readList(source, node, file, loaded);
  } else if (kind === undefined || apiVersion === undefined) {
    const missing = kind === undefined ? 'kind' : 'apiVersion';
    report.add('error', 'TUL002', at, missing, `"${missing}" is missing${kind === undefined ? '' : hintVersion(kind)}`);
  } else {
    const name = peek(source, node, ['metadata', 'name']);
    if (name !== undefined) report.resource = resourceKey(kind, peek(source, node, ['metadata', 'namespace']) ?? 'default', name);
    const dialect = dialects.find((candidate) => candidate.kind === kind && candidate.apiVersions.includes(apiVersion));
    const placeOf = (field: string): Position => positionOfNode(source, value.node.get(field, true));
    if (dialect === undefined) reportUnknown(report, placeOf, apiVersion, kind);
    else readWith(dialect, source, node, file, loaded);
  }
  loaded.diagnostics.push(...report.diagnostics);
}

/** `kind: List`, which kubectl writes. */
function readList(source: Source, node: unknown, file: string, loaded: Loaded): void {
  const value = valueOf(source, node);
  if (value.kind !== 'map') return;
  const items = valueOf(source, value.node.get('items', true));
  if (items.kind === 'list') for (const item of items.node.items) readNode(source, item, file, loaded);
}

function readWith(dialect: Dialect, source: Source, node: unknown, file: string, loaded: Loaded): void {
  const { resource, diagnostics } = dialect.read(source, node, file, loaded.resources.length);
  loaded.diagnostics.push(...diagnostics);
  if (resource !== undefined) loaded.resources.push(resource);
}

function hintVersion(kind: string): string {
  const versions = dialects.filter((dialect) => dialect.kind === kind).flatMap((dialect) => dialect.apiVersions);
  return versions.length === 0 ? '' : `: ${kind} has ${versions.join(', ')}`;
}

function reportUnknown(
  report: ReturnType<typeof createReport>,
  placeOf: (field: 'apiVersion' | 'kind') => Position,
  apiVersion: string,
  kind: string,
): void {
  const foreign = findForeignKind(apiVersion, kind);
  const sameKind = dialects.filter((dialect) => dialect.kind === kind);
  if (foreign !== undefined) {
    report.add(foreign.severity, 'TUL004', placeOf('kind'), 'kind', `${kind} of ${apiVersion} is left out: ${foreign.reason}`);
  } else if (sameKind.length > 0) {
    const versions = sameKind.flatMap((dialect) => dialect.apiVersions);
    const hint = didYouMean(apiVersion, versions) || ` Write ${versions.join(' or ')}.`;
    report.add('error', 'TUL005', placeOf('apiVersion'), 'apiVersion', `there is no ${kind} in "${apiVersion}".${hint}`);
  } else {
    const group = groupOf(apiVersion);
    const ownKinds = dialects.filter((dialect) => dialect.apiVersions.some((version) => groupOf(version) === group));
    const known = [
      ...ownKinds.map((dialect) => dialect.kind),
      ...foreignKinds.filter((entry) => entry.group === group).flatMap(({ kinds }) => kinds),
    ];
    const all = known.length > 0 ? known : dialects.map((dialect) => dialect.kind);
    const hint = didYouMean(kind, all) || ` Kinds are ${dialects.map((dialect) => dialect.kind).join(', ')}.`;
    report.add('error', 'TUL003', placeOf('kind'), 'kind', `"${kind}" of ${apiVersion} is no kind that Tulle knows.${hint}`);
  }
}
