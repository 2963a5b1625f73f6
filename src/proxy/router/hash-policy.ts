/**
 * Hashes of requests for consistent-hash balancing. Envoy: RouteAction.HashPolicy. They are Envoy's, bit by bit, so that
 * proxies of both kinds put a key on the same host.
 */
import { ConfigError } from '../../core/errors.ts';
import type {
  RouteAction_HashPolicy as HashPolicy,
  RouteAction_HashPolicy_Header,
} from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { compileRe2Substitution } from '../../core/re2.ts';
import { combineHashes, type Hash64, xxHash64 } from '../cluster/lb/hash64.ts';
import type { HttpStream } from '../http/filter.ts';
import { hashCookie } from './hash-cookie.ts';
import { headerReader, queryParameter } from './matchers.ts';

type HashOf = (stream: HttpStream) => Hash64 | undefined;

/** The hash of a header's values: several are taken in the order of their bytes, the hash of each seeding the next. */
function hashValues(values: readonly string[]): Hash64 | undefined {
  if (values.length < 2) return values[0] === undefined ? undefined : xxHash64(values[0]);
  return values.toSorted().reduce<Hash64 | undefined>((seed, value) => xxHash64(value, seed), undefined);
}

/** Reads all values of a header by name; pseudo-headers read the start line. */
function valuesReader(name: string): (stream: HttpStream) => readonly string[] {
  if (!name.startsWith(':') && name !== 'host') return ({ request }) => request.headers.getAll(name);
  const read = headerReader(name);
  return ({ request }) => {
    const value = read(request);
    return value === undefined ? [] : [value];
  };
}

function headerHash({ headerName, regexRewrite }: RouteAction_HashPolicy_Header, path: string): HashOf {
  const read = valuesReader(headerName.toLowerCase());
  if (regexRewrite === undefined) return (stream) => hashValues(read(stream));
  const compiled = compileRe2Substitution(regexRewrite.pattern?.regex ?? '', regexRewrite.substitution, `${path}.regex_rewrite`);
  return (stream) => hashValues(read(stream).map((value) => compiled.replace(value)));
}

function ofText(read: (stream: HttpStream) => string | undefined): HashOf {
  return (stream) => {
    const text = read(stream);
    return text === undefined ? undefined : xxHash64(text);
  };
}

function compileOne(policy: HashPolicy, path: string): HashOf {
  const { policySpecifier: specifier } = policy;
  switch (specifier.case) {
    case 'header':
      return headerHash(specifier.value, `${path}.header`);
    case 'cookie':
      if (specifier.value.name === '') throw new ConfigError(`${path}.cookie.name`, 'is empty');
      return ofText(hashCookie(specifier.value));
    case 'filterState': {
      const { key } = specifier.value;
      if (key === '') throw new ConfigError(`${path}.filter_state.key`, 'is empty');
      return ofText((stream) => stream.info.filterState?.get(key));
    }
    case 'connectionProperties':
      if (!specifier.value.sourceIp) throw new ConfigError(`${path}.connection_properties`, 'names no property');
      return ofText((stream) => stream.connection.remote.host);
    case 'queryParameter': {
      const { name } = specifier.value;
      return ofText((stream) => queryParameter(stream.request.path, name));
    }
    default:
      throw new ConfigError(path, 'names nothing that Tulle can hash');
  }
}

/** The hash of a request over all policies, or undefined where no policy has a value or there are none. */
export function compileHash(policies: readonly HashPolicy[], path: string): HashOf | undefined {
  if (policies.length === 0) return undefined;
  const parts = policies.map((policy, i) => ({ hashOf: compileOne(policy, `${path}[${i}]`), isTerminal: policy.terminal }));
  return (stream) => {
    let hash: Hash64 | undefined;
    for (const { hashOf, isTerminal } of parts) {
      const own = hashOf(stream);
      if (own !== undefined) hash = hash === undefined ? own : combineHashes(hash, own);
      if (isTerminal && hash !== undefined) return hash;
    }
    return hash;
  };
}
