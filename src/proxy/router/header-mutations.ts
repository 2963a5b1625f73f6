/** Header changes of routes, prepared: removals first, then additions in order. Envoy: HeaderValueOption. */
import { ConfigError } from '../../core/errors.ts';
import type { HeaderMap } from '../../wire/http/message.ts';
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as AppendAction,
} from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { compileFormat } from '../telemetry/format.ts';
import type { HeaderMutations } from './route.ts';

/** The four fields that route configurations, virtual hosts, routes and weighted clusters have in common. */
export interface MutationFields {
  readonly requestHeadersToAdd: readonly HeaderValueOption[];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: readonly HeaderValueOption[];
  readonly responseHeadersToRemove: readonly string[];
}

/** One change of a head's fields. */
export type HeaderChange = (headers: HeaderMap, info: StreamInfo) => void;

/** Neither the start line nor the host can be changed; `lowerName` is in lower case. */
export function isModifiable(lowerName: string): boolean {
  return !lowerName.startsWith(':') && lowerName !== 'host';
}

/** A field's name in lower case. Throws ConfigError for what is none, and for one that may not be changed. */
export function modifiableName(name: string, path: string): string {
  const lower = name.toLowerCase();
  if (lower === '' || !isModifiable(lower))
    throw new ConfigError(path, `"${name}" cannot be changed: neither host nor pseudo-headers may be`);
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower)) throw new ConfigError(path, `"${name}" is not a header's name`);
  return lower;
}

function actionOf(option: HeaderValueOption, path: string): AppendAction {
  if (option.append !== undefined) return option.append ? AppendAction.APPEND_IF_EXISTS_OR_ADD : AppendAction.OVERWRITE_IF_EXISTS_OR_ADD;
  if (option.appendAction > AppendAction.OVERWRITE_IF_EXISTS)
    throw new ConfigError(`${path}.append_action`, `${option.appendAction} is not known`);
  return option.appendAction;
}

/** One addition, as its append action says; `compile` makes what yields the value from the text that is configured. */
export function headerAddition<Info>(
  option: HeaderValueOption,
  path: string,
  compile: (source: string, path: string) => (info: Info) => string,
): (headers: HeaderMap, info: Info) => void {
  const name = modifiableName(option.header?.key ?? '', `${path}.header.key`);
  const raw = option.header?.rawValue;
  const source = raw !== undefined && raw.length > 0 ? Buffer.from(raw).toString('latin1') : (option.header?.value ?? '');
  if (/[\0\r\n]/.test(source)) throw new ConfigError(`${path}.header.value`, 'has a line break or a NUL');
  const format = compile(source, `${path}.header.value`);
  const action = actionOf(option, path);
  const keepsEmpty = option.keepEmptyValue;
  return (headers, info) => {
    if (action === AppendAction.ADD_IF_ABSENT && headers.has(name)) return;
    if (action === AppendAction.OVERWRITE_IF_EXISTS && !headers.has(name)) return;
    const value = format(info);
    if (value === '' && !keepsEmpty) return;
    if (action === AppendAction.OVERWRITE_IF_EXISTS_OR_ADD || action === AppendAction.OVERWRITE_IF_EXISTS) headers.set(name, value);
    else headers.add(name, value);
  };
}

/** One addition of a request or response. Names of our own statistics and trailers get no special treatment. */
export function compileHeaderOption(option: HeaderValueOption, path: string): HeaderChange {
  return headerAddition(option, path, (source, at) => (source.includes('%') ? compileFormat(source, at, { missing: '' }) : () => source));
}

/** Additions in order. `path` is that of the list. */
export function compileHeaderChanges(adds: readonly HeaderValueOption[], path: string): readonly HeaderChange[] {
  return adds.map((option, i) => compileHeaderOption(option, `${path}[${i}]`));
}

function compileChanges(
  adds: readonly HeaderValueOption[],
  removes: readonly string[],
  path: string,
  kind: 'request' | 'response',
): HeaderChange[] {
  const removals = removes.map((name, i): HeaderChange => {
    const lower = modifiableName(name, `${path}${kind}_headers_to_remove[${i}]`);
    return (headers) => headers.remove(lower);
  });
  return [...removals, ...compileHeaderChanges(adds, `${path}${kind}_headers_to_add`)];
}

/** The changes of one level, or undefined where it has none. `path` is the level's own. */
export function compileMutations(fields: MutationFields, path: string): HeaderMutations | undefined {
  const prefix = path === '' ? '' : `${path}.`;
  const request = compileChanges(fields.requestHeadersToAdd, fields.requestHeadersToRemove, prefix, 'request');
  const response = compileChanges(fields.responseHeadersToAdd, fields.responseHeadersToRemove, prefix, 'response');
  if (request.length === 0 && response.length === 0) return undefined;
  return {
    applyRequest(stream, head) {
      for (const change of request) change(head.headers, stream.info);
    },
    applyResponse(stream, head) {
      for (const change of response) change(head.headers, stream.info);
    },
  };
}

/** One after the other, as given; undefined where there are none. */
export function chainMutations(levels: readonly (HeaderMutations | undefined)[]): HeaderMutations | undefined {
  const present = levels.filter((level) => level !== undefined);
  if (present.length <= 1) return present[0];
  return {
    applyRequest(stream, head) {
      for (const level of present) level.applyRequest(stream, head);
    },
    applyResponse(stream, head) {
      for (const level of present) level.applyResponse(stream, head);
    },
  };
}
