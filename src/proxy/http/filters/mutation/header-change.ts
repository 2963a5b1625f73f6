/** Changes of headers by the messages of Envoy's config.common.mutation_rules.v3, in order. */
import { ConfigError } from '../../../../core/errors.ts';
import type { HeaderMap } from '../../../../wire/http/message.ts';
import type { HeaderMutation } from '../../../../xds/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as Action,
} from '../../../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { compileStringMatcher } from '../../../router/matchers.ts';
import { compileFormat } from '../../../telemetry/format.ts';
import type { StreamInfo } from '../../stream-info.ts';

export type HeaderChange = (headers: HeaderMap, info: StreamInfo) => void;

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/** Neither the start line nor the host can be changed. */
function isChangeable(name: string): boolean {
  return !name.startsWith(':') && name !== 'host';
}

function nameOf(name: string, path: string): string {
  const lower = name.toLowerCase();
  if (!isChangeable(lower)) throw new ConfigError(path, `"${name}" cannot be changed: neither host nor pseudo-headers may be`);
  if (!NAME.test(lower)) throw new ConfigError(path, `"${name}" is not a header's name`);
  return lower;
}

function actionOf({ append, appendAction }: HeaderValueOption, path: string): Action {
  if (append !== undefined) return append ? Action.APPEND_IF_EXISTS_OR_ADD : Action.OVERWRITE_IF_EXISTS_OR_ADD;
  if (appendAction > Action.OVERWRITE_IF_EXISTS) throw new ConfigError(`${path}.append_action`, `${appendAction} is not known`);
  return appendAction;
}

function compileAppend(option: HeaderValueOption, path: string): HeaderChange {
  const name = nameOf(option.header?.key ?? '', `${path}.header.key`);
  const raw = option.header?.rawValue;
  const source = raw !== undefined && raw.length > 0 ? Buffer.from(raw).toString('latin1') : (option.header?.value ?? '');
  if (/[\0\r\n]/.test(source)) throw new ConfigError(`${path}.header.value`, 'has a line break or a NUL');
  const format = compileFormat(source, `${path}.header.value`, { missing: '' });
  const action = actionOf(option, path);
  const keepsEmpty = option.keepEmptyValue;
  return (headers, info) => {
    if (action === Action.ADD_IF_ABSENT && headers.has(name)) return;
    if (action === Action.OVERWRITE_IF_EXISTS && !headers.has(name)) return;
    const value = format(info);
    if (value === '' && !keepsEmpty) return;
    if (action === Action.APPEND_IF_EXISTS_OR_ADD) headers.add(name, value);
    else headers.set(name, value);
  };
}

function compileChange({ action }: HeaderMutation, path: string): HeaderChange {
  switch (action.case) {
    case 'append':
      return compileAppend(action.value, `${path}.append`);
    case 'remove': {
      const name = nameOf(action.value, `${path}.remove`);
      return (headers) => headers.remove(name);
    }
    case 'removeOnMatch': {
      const { keyMatcher } = action.value;
      if (keyMatcher === undefined) throw new ConfigError(`${path}.remove_on_match.key_matcher`, 'is missing');
      const matches = compileStringMatcher(keyMatcher, `${path}.remove_on_match.key_matcher`);
      return (headers) => {
        const names = new Set<string>();
        headers.forEach((name) => {
          const lower = name.toLowerCase();
          if (isChangeable(lower) && matches(lower)) names.add(lower);
        });
        for (const name of names) headers.remove(name);
      };
    }
    case undefined:
      throw new ConfigError(path, 'says neither append, remove nor remove_on_match');
  }
}

/** Prepares changes, to be made in their order. */
export function compileHeaderChanges(mutations: readonly HeaderMutation[], path: string): readonly HeaderChange[] {
  return mutations.map((mutation, i) => compileChange(mutation, `${path}[${i}]`));
}
