/** Changes of headers by the messages of Envoy's config.common.mutation_rules.v3, in order. */
import { ConfigError } from '../../../../core/errors.ts';
import type { HeaderMap, RequestHead, ResponseHead } from '../../../../wire/http/message.ts';
import type { HeaderMutation } from '../../../../xds/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as Action,
} from '../../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { compileStringMatcher } from '../../../router/matchers.ts';
import { compileFormat } from '../../../telemetry/format.ts';
import type { StreamInfo } from '../../stream-info.ts';

/** What is changed: a header map, or a head with its start line among the fields. */
export type Target = Pick<HeaderMap, 'get' | 'has' | 'set' | 'add' | 'remove' | 'forEach'>;

export type HeaderChange = (target: Target, info: StreamInfo) => void;

interface PseudoField {
  get(): string;
  set(value: string): void;
}

/** A head's fields and, under names with a colon, its start line. What is added to a pseudo-header is joined by a comma. */
function headTarget(headers: HeaderMap, pseudo: (name: string) => PseudoField | undefined): Target {
  return {
    get: (name) => pseudo(name)?.get() ?? headers.get(name),
    has: (name) => pseudo(name) !== undefined || headers.has(name),
    set(name, value) {
      const field = pseudo(name);
      if (field === undefined) headers.set(name, value);
      else field.set(value);
    },
    add(name, value) {
      const field = pseudo(name);
      if (field === undefined) headers.add(name, value);
      else field.set(`${field.get()},${value}`);
    },
    remove: (name) => headers.remove(name),
    forEach: (visit) => headers.forEach(visit),
  };
}

const REQUEST_FIELDS: Readonly<Record<string, 'method' | 'path' | 'authority' | 'scheme'>> = {
  ':method': 'method',
  ':path': 'path',
  ':authority': 'authority',
  host: 'authority',
  ':scheme': 'scheme',
};

/** A request as a target. */
export function requestTarget(head: RequestHead): Target {
  return headTarget(head.headers, (name) => {
    const key = REQUEST_FIELDS[name];
    return key === undefined ? undefined : { get: () => head[key], set: (value) => void (head[key] = value) };
  });
}

/** A response as a target. A status that is no number from 200 to 599 is left alone. */
export function responseTarget(head: ResponseHead): Target {
  const status: PseudoField = {
    get: () => String(head.status),
    set(value) {
      if (/^[2-5]\d\d$/.test(value)) head.status = Number(value);
    },
  };
  return headTarget(head.headers, (name) => (name === ':status' ? status : undefined));
}

const NAME = /^:?[!#$%&'*+.^_`|~0-9a-z-]+$/;

function nameOf(name: string, path: string): string {
  const lower = name.toLowerCase();
  if (!NAME.test(lower)) throw new ConfigError(path, `"${name}" is not a header's name`);
  return lower;
}

/** Neither the start line nor the host can be taken away. */
function isRemovable(name: string): boolean {
  return !name.startsWith(':') && name !== 'host';
}

function actionOf({ append, appendAction }: HeaderValueOption, path: string): Action {
  if (append !== undefined) return append ? Action.APPEND_IF_EXISTS_OR_ADD : Action.OVERWRITE_IF_EXISTS_OR_ADD;
  if (appendAction > Action.OVERWRITE_IF_EXISTS) throw new ConfigError(`${path}.append_action`, `${appendAction} is not known`);
  return appendAction;
}

function compileAppend(option: HeaderValueOption, path: string, startLine: ReadonlySet<string>): HeaderChange {
  const name = nameOf(option.header?.key ?? '', `${path}.header.key`);
  if (!isRemovable(name) && !startLine.has(name)) throw new ConfigError(`${path}.header.key`, `"${name}" cannot be set there`);
  const raw = option.header?.rawValue;
  const source = raw !== undefined && raw.length > 0 ? Buffer.from(raw).toString('latin1') : (option.header?.value ?? '');
  if (/[\0\r\n]/.test(source)) throw new ConfigError(`${path}.header.value`, 'has a line break or a NUL');
  const format = compileFormat(source, `${path}.header.value`, { missing: '' });
  const action = actionOf(option, path);
  const keepsEmpty = option.keepEmptyValue;
  return (target, info) => {
    if (action === Action.ADD_IF_ABSENT && target.has(name)) return;
    if (action === Action.OVERWRITE_IF_EXISTS && !target.has(name)) return;
    const value = format(info);
    if (value === '' && !keepsEmpty) return;
    if (action === Action.APPEND_IF_EXISTS_OR_ADD) target.add(name, value);
    else target.set(name, value);
  };
}

function compileChange({ action }: HeaderMutation, path: string, startLine: ReadonlySet<string>): HeaderChange {
  switch (action.case) {
    case 'append':
      return compileAppend(action.value, `${path}.append`, startLine);
    case 'remove': {
      const name = nameOf(action.value, `${path}.remove`);
      if (!isRemovable(name)) throw new ConfigError(`${path}.remove`, `"${name}" cannot be removed`);
      return (target) => target.remove(name);
    }
    case 'removeOnMatch': {
      const { keyMatcher } = action.value;
      if (keyMatcher === undefined) throw new ConfigError(`${path}.remove_on_match.key_matcher`, 'is missing');
      const matches = compileStringMatcher(keyMatcher, `${path}.remove_on_match.key_matcher`);
      return (target) => {
        const names = new Set<string>();
        target.forEach((name) => {
          const lower = name.toLowerCase();
          if (isRemovable(lower) && matches(lower)) names.add(lower);
        });
        for (const name of names) target.remove(name);
      };
    }
    case undefined:
      throw new ConfigError(path, 'says neither append, remove nor remove_on_match');
  }
}

const STARTS = {
  request: new Set(Object.keys(REQUEST_FIELDS)),
  response: new Set([':status']),
  trailers: new Set<string>(),
} as const satisfies Record<string, ReadonlySet<string>>;

/** Prepares changes, to be made in their order, to targets of one kind. */
export function compileHeaderChanges(
  mutations: readonly HeaderMutation[],
  path: string,
  kind: keyof typeof STARTS,
): readonly HeaderChange[] {
  return mutations.map((mutation, i) => compileChange(mutation, `${path}[${i}]`, STARTS[kind]));
}
