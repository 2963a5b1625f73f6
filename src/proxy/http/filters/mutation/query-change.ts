/** Changes of query parameters by Envoy's config.core.v3.KeyValueMutation. */
import { ConfigError } from '../../../../core/errors.ts';
import { type KeyValueMutation, KeyValueAppend_KeyValueAppendAction as Action } from '../../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { compileFormat } from '../../../telemetry/format.ts';
import type { StreamInfo } from '../../stream-info.ts';

/** Values by decoded name, as they are to be sent. */
type Parameters = Map<string, string[]>;

export type ParameterChange = (parameters: Parameters, info: StreamInfo) => void;

/** Percent-encodes all but the unreserved characters of RFC 3986; a character of `text` is a byte. */
function encode(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._~-]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function compileChange({ append, remove }: KeyValueMutation, path: string): ParameterChange {
  if (append === undefined) {
    if (remove === '') throw new ConfigError(path, 'says neither append nor remove');
    return (parameters) => void parameters.delete(remove);
  }
  const { key = '', value } = append.record ?? {};
  const at = `${path}.append.record`;
  if (key === '') throw new ConfigError(`${at}.key`, 'is missing');
  if (value?.kind.case !== 'stringValue') throw new ConfigError(`${at}.value`, 'is not a string');
  if (append.action > Action.OVERWRITE_IF_EXISTS) throw new ConfigError(`${path}.append.action`, `${append.action} is not known`);
  const { action } = append;
  const format = compileFormat(value.kind.value, `${at}.value`, { missing: '' });
  return (parameters, info) => {
    const before = parameters.get(key);
    if (action === Action.ADD_IF_ABSENT && before !== undefined) return;
    if (action === Action.OVERWRITE_IF_EXISTS && before === undefined) return;
    const text = encode(format(info));
    if (action === Action.APPEND_IF_EXISTS_OR_ADD && before !== undefined) before.push(text);
    else parameters.set(key, [text]);
  };
}

/** Prepares changes, to be made in their order. */
export function compileParameterChanges(mutations: readonly KeyValueMutation[], path: string): readonly ParameterChange[] {
  return mutations.map((mutation, i) => compileChange(mutation, `${path}[${i}]`));
}

/** Bytes for percent signs; a sign that begins no byte stays. */
function decode(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function parse(query: string): Parameters {
  const parameters: Parameters = new Map();
  const parts = query.split('&');
  if (parts.at(-1) === '') parts.pop();
  for (const part of parts) {
    const equals = part.indexOf('=');
    const key = decode(equals === -1 ? part : part.slice(0, equals));
    const value = equals === -1 ? '' : part.slice(equals + 1);
    const before = parameters.get(key);
    if (before === undefined) parameters.set(key, [value]);
    else before.push(value);
  }
  return parameters;
}

/** A key as it goes into a query: what would end it, or would be no path, is encoded. */
function keyText(key: string): string {
  return key.replaceAll(/[^!$'()*+,./:;?@_~A-Za-z0-9-]/g, encode);
}

/** The path with its query changed: parameters in the order of their names, a fragment gone. */
export function changeQuery(path: string, changes: readonly ParameterChange[], info: StreamInfo): string {
  const hash = path.indexOf('#');
  const target = hash === -1 ? path : path.slice(0, hash);
  const mark = target.indexOf('?');
  const parameters = parse(mark === -1 ? '' : target.slice(mark + 1));
  for (const change of changes) change(parameters, info);
  const pairs = [...parameters]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, values]) => values.map((value) => `${keyText(key)}=${value}`));
  const base = mark === -1 ? target : target.slice(0, mark);
  return pairs.length === 0 ? base : `${base}?${pairs.join('&')}`;
}
