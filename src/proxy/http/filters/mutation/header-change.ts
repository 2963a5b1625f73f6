/** Changes of headers by the messages of Envoy's config.common.mutation_rules.v3, in order. */
import { ConfigError } from '../../../../core/errors.ts';
import type { HeaderMutation } from '../../../../xds/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts';
import { compileHeaderOption, type HeaderChange, isModifiable, modifiableName } from '../../../router/header-mutations.ts';
import { compileStringMatcher } from '../../../router/matchers.ts';

function compileChange({ action }: HeaderMutation, path: string): HeaderChange {
  switch (action.case) {
    case 'append':
      return compileHeaderOption(action.value, `${path}.append`);
    case 'remove': {
      const name = modifiableName(action.value, `${path}.remove`);
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
          if (isModifiable(lower) && matches(lower)) names.add(lower);
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
