/**
 * Envoy's substitution formatter: `%COMMAND(ARGUMENT):LENGTH%` in text and JSON. The commands themselves stand in
 * `format-commands.ts`. Source: Envoy, "Access logging", format strings and format dictionaries.
 *
 * Left out: commands that need what Tulle does not keep (wire bytes, hosts attempted, closing types, certificates' details);
 * they are refused by name.
 */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { ConfigError } from '../../core/errors.ts';
import { LOG_COMMAND } from '../../core/log-format.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { textOf } from './byte-text.ts';
import { compileCommand } from './format-commands.ts';

/** What a command yields for a stream; undefined where there is nothing to say. */
export type Extract = (info: StreamInfo) => JsonValue | undefined;

/** A piece of a format: text as it is, or a command. */
export type FormatPart = string | Command;

export interface Command {
  readonly name: string;
  /** What stands in parentheses; '' without. */
  readonly argument: string;
  /** Characters after which the value is cut; undefined for all. */
  readonly maxLength: number | undefined;
}

export interface FormatOptions {
  /** Stands for a value that is not there; '-' by default, as in access logs. Header changes use ''. */
  readonly missing?: string;
  /** Fields of heads are read as UTF-8; else each of their characters is a byte, as for what becomes a field again. */
  readonly decodesFields?: boolean;
}

/** Commands whose values are fields of heads, or parts of them: bytes, a character each. */
const OF_FIELDS: ReadonlySet<string> = new Set([
  'REQ',
  'REQUEST_HEADER',
  'REQ_WITHOUT_QUERY',
  'RESP',
  'RESPONSE_HEADER',
  'TRAILER',
  'RESPONSE_TRAILER',
  'PATH',
  'QUERY_PARAMS',
  'STREAM_ID',
]);

/** A command's value has come in a field of a head. */
export function isOfField({ name }: Command): boolean {
  return OF_FIELDS.has(name);
}

/** Splits a format; a `%` that begins no command is a ConfigError with its position. `%%` is one `%`. */
export function parseFormat(format: string, path: string): readonly FormatPart[] {
  const parts: FormatPart[] = [];
  let text = '';
  let at = 0;
  while (at < format.length) {
    const percent = format.indexOf('%', at);
    if (percent === -1) break;
    text += format.slice(at, percent);
    LOG_COMMAND.lastIndex = percent;
    const match = LOG_COMMAND.exec(format);
    if (match === null) throw new ConfigError(path, `no command at character ${percent + 1} of ${JSON.stringify(format)}; write %% for %`);
    at = LOG_COMMAND.lastIndex;
    const [, name, argument = '', length] = match;
    if (name === undefined) {
      text += '%';
      continue;
    }
    if (text !== '') parts.push(text);
    text = '';
    parts.push({ name, argument, maxLength: length === undefined ? undefined : Number(length) });
  }
  text += format.slice(at);
  if (text !== '') parts.push(text);
  return parts;
}

/** Prepares a command of a format. */
export function compilePart(command: Command, path: string): Extract {
  const extract = compileCommand(command.name, command.argument, path);
  const { maxLength } = command;
  if (maxLength === undefined) return extract;
  return (info) => {
    const value = extract(info);
    return typeof value === 'string' ? value.slice(0, maxLength) : value;
  };
}

/** A command's value as text. */
export function asText(value: JsonValue | undefined, missing: string): string {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return missing;
  return typeof value === 'object' ? JSON.stringify(value) : `${value}`;
}

/** As `compilePart`, with fields read as UTF-8. */
function compileDecoded(command: Command, path: string): Extract {
  const extract = compilePart(command, path);
  if (!isOfField(command)) return extract;
  return (info) => {
    const value = extract(info);
    return typeof value === 'string' ? textOf(value) : value;
  };
}

/** Prepares a text format: `path` is the field it came from, for errors. */
export function compileFormat(format: string, path: string, options: FormatOptions = {}): (info: StreamInfo) => string {
  const missing = options.missing ?? '-';
  const parts = parseFormat(format, path);
  if (parts.every((part) => typeof part === 'string')) {
    const text = parts.join('');
    return () => text;
  }
  // Joined, not added one to the other: that makes an object for each step, a kilobyte for a line of the default format.
  const pieces = parts.map((part) => (typeof part === 'string' ? part : ''));
  const compile = options.decodesFields === true ? compileDecoded : compilePart;
  const commands = parts.flatMap((part, at) => (typeof part === 'string' ? [] : [{ at, extract: compile(part, path) }]));
  return (info) => {
    for (const { at, extract } of commands) pieces[at] = asText(extract(info), missing);
    return pieces.join('');
  };
}

/** One value of a JSON format: alone, a command keeps its type (numbers stay numbers, nothing is null). */
function compileText(format: string, path: string, missing: string): Extract {
  const parts = parseFormat(format, path);
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'object') return compileDecoded(only, path);
  return compileFormat(format, path, { missing, decodesFields: true });
}

function compileJsonValue(value: JsonValue, path: string, omitsEmpty: boolean): Extract {
  if (typeof value === 'string') return compileText(value, path, omitsEmpty ? '' : '-');
  if (Array.isArray(value)) {
    const items = value.map((item, i) => compileJsonValue(item, `${path}[${i}]`, omitsEmpty));
    return (info) => items.map((item) => item(info) ?? null);
  }
  if (typeof value === 'object' && value !== null) return compileObject(value, path, omitsEmpty);
  return () => value;
}

function compileObject(object: JsonObject, path: string, omitsEmpty: boolean): Extract {
  const fields = Object.keys(object)
    .toSorted()
    .map((key) => ({ key, extract: compileJsonValue(object[key] ?? null, `${path}.${key}`, omitsEmpty) }));
  return (info) => {
    const out: JsonObject = {};
    for (const { key, extract } of fields) {
      const value = extract(info) ?? null;
      if (!omitsEmpty || (value !== null && value !== '')) out[key] = value;
    }
    return out;
  };
}

/**
 * Prepares a JSON format: an object whose strings are formats. Keys are written in alphabetical order, so that a line
 * does not depend on how the configuration was sent. `omitsEmpty` leaves out what has no value, else it is null.
 */
export function compileJsonFormat(format: JsonObject, path: string, omitsEmpty: boolean): (info: StreamInfo) => string {
  const extract = compileObject(format, path, omitsEmpty);
  return (info) => JSON.stringify(extract(info));
}
