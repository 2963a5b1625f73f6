/** Lists of header names that go one way or the other. Envoy: ListStringMatcher. */
import { ConfigError } from '../../../../core/errors.ts';
import type { ListStringMatcher } from '../../../../xds/gen/envoy/type/matcher/v3/string_pb.ts';
import { compileStringMatcher, type TextTest } from '../../../router/matchers.ts';

/** A test of names in lower case; undefined where there is no list. */
export function compileNames(list: ListStringMatcher | undefined, path: string): TextTest | undefined {
  if (list === undefined) return undefined;
  const tests = list.patterns.map((pattern, i) => compileStringMatcher(pattern, `${path}.patterns[${i}]`));
  if (tests.length === 0) throw new ConfigError(`${path}.patterns`, 'is empty');
  return (name) => tests.some((test) => test(name));
}

/** No name. */
export const NONE: TextTest = () => false;
