/**
 * YAML, in a module of its own that is loaded where a file is not JSON: a proxy configured in JSON does not pay for it.
 * js-yaml and not the `yaml` of the control plane, because it reads a large bootstrap in a quarter of the time.
 */
import type { JsonValue } from '@bufbuild/protobuf';
import { CORE_SCHEMA, EVENT_ID, type Event, getScalarValue, load, parseEvents, YAMLException } from 'js-yaml';
import { ConfigError } from '../../core/errors.ts';
import { readPlainYaml } from './plain-yaml.ts';

/** A parsed file that still knows its lines. */
export interface YamlSource {
  readonly json: JsonValue;
  /** The line (from 1) of a path, or of the nearest thing around it. */
  readonly lineOf: (path: readonly (string | number)[]) => number | undefined;
}

/** Where a node of the document begins; undefined for one without a place of its own. */
function startOf(event: Event): number | undefined {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  return event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE ? event.start : undefined;
}

/** The index after the node that begins at `index`. */
function nodeEnd(events: readonly Event[], index: number): number {
  let depth = 0;
  let at = index;
  do {
    const type = events[at++]?.type;
    if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
    else if (type === EVENT_ID.POP) depth--;
  } while (depth > 0 && at < events.length);
  return at;
}

/** The child `step` of the node at `index`: its index, or -1. */
function childOf(events: readonly Event[], index: number, step: string | number, text: string): number {
  const type = events[index]?.type;
  if (type !== EVENT_ID.MAPPING && type !== EVENT_ID.SEQUENCE) return -1;
  let at = index + 1;
  for (let n = 0; at < events.length; n++) {
    const event = events[at];
    if (event === undefined || event.type === EVENT_ID.POP) return -1;
    if (type === EVENT_ID.SEQUENCE) {
      if (n === step) return at;
    } else {
      const value = nodeEnd(events, at);
      if (event.type === EVENT_ID.SCALAR && getScalarValue(text, event) === String(step)) return value;
      at = value;
    }
    at = nodeEnd(events, at);
  }
  return -1;
}

/** Parses once more: a document that is kept for an error that may never come would cost a proxy some MiB. */
function lineIn(text: string, path: readonly (string | number)[]): number | undefined {
  const events = parseEvents(text, {});
  let index = 1;
  let line: number | undefined;
  for (const step of path) {
    index = childOf(events, index, step, text);
    const event = events[index];
    if (index < 0 || event === undefined) break;
    const start = startOf(event);
    if (start !== undefined) line = text.slice(0, start).split('\n').length;
  }
  return line;
}

/** Parses YAML. Throws ConfigError with the line of what is no YAML; `file` is its path. */
export function readYaml(text: string, file: string): YamlSource {
  try {
    return { json: parseYaml(text), lineOf: (path) => lineIn(text, path) };
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    throw new ConfigError(file, `line ${(cause.mark?.line ?? 0) + 1}: ${cause.reason}`, { cause });
  }
}

/** Parses YAML whose lines nobody asks for. Throws for what is none. */
export function parseYaml(text: string): JsonValue {
  const plain = readPlainYaml(text);
  if (plain !== undefined) return plain;
  const json: unknown = load(text, { schema: CORE_SCHEMA });
  // the core schema knows no other values than JSON's
  return json as JsonValue;
}
