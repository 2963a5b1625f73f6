/** YAML, in a module of its own that is loaded where a file is not JSON: a proxy configured in JSON does not pay for it. */
import type { JsonValue } from '@bufbuild/protobuf';
import { parse, parseDocument } from 'yaml';
import { ConfigError } from '../../core/errors.ts';

/** A parsed file that still knows its lines. */
export interface YamlSource {
  readonly json: JsonValue;
  /** The line (from 1) of a path, or of the nearest thing around it. */
  readonly lineOf: (path: readonly (string | number)[]) => number | undefined;
}

/** Parses once more: a document that is kept for an error that may never come would cost a proxy some MiB. */
function lineIn(text: string, path: readonly (string | number)[]): number | undefined {
  const document = parseDocument(text);
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    const range: unknown = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
    const start: unknown = Array.isArray(range) ? range[0] : undefined;
    if (typeof start === 'number') return text.slice(0, start).split('\n').length;
  }
  return undefined;
}

/** Parses YAML. Throws ConfigError with the line of what is no YAML; `file` is its path. */
export function readYaml(text: string, file: string): YamlSource {
  const document = parseDocument(text);
  const [wrong] = document.errors;
  if (wrong !== undefined) throw new ConfigError(file, `line ${wrong.linePos?.[0].line ?? '?'}: ${wrong.message.split('\n')[0] ?? ''}`);
  const json: JsonValue = document.toJS();
  return { json, lineOf: (path) => lineIn(text, path) };
}

/** Parses YAML whose lines nobody asks for. Throws for what is none. */
export function parseYaml(text: string): JsonValue {
  const json: JsonValue = parse(text);
  return json;
}
