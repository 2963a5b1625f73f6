/** Hashes of requests for consistent-hash balancing. Envoy: RouteAction.HashPolicy; the hash itself is our own. */
import { ConfigError } from '../../core/errors.ts';
import type { RouteAction_HashPolicy as HashPolicy } from '../../xds/gen/envoy/config/route/v3/route_components_pb.ts';
import { compileRe2Substitution } from '../../core/re2.ts';
import type { HttpStream } from '../http/filter.ts';
import { hashCookie } from './hash-cookie.ts';
import { headerReader, queryParameter } from './matchers.ts';

/** FNV-1a with a final mix, 32 bits: even for short and similar keys. https://datatracker.ietf.org/doc/html/rfc9923 */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

type KeyOf = (stream: HttpStream) => string | undefined;

function compileKey(policy: HashPolicy, path: string): KeyOf {
  const { policySpecifier: specifier } = policy;
  switch (specifier.case) {
    case 'header': {
      const read = headerReader(specifier.value.headerName.toLowerCase());
      const rewrite = specifier.value.regexRewrite;
      if (rewrite === undefined) return (stream) => read(stream.request);
      const compiled = compileRe2Substitution(rewrite.pattern?.regex ?? '', rewrite.substitution, `${path}.header.regex_rewrite`);
      return (stream) => {
        const value = read(stream.request);
        return value === undefined ? undefined : compiled.replace(value);
      };
    }
    case 'cookie':
      if (specifier.value.name === '') throw new ConfigError(`${path}.cookie.name`, 'is empty');
      return hashCookie(specifier.value);
    case 'filterState': {
      const { key } = specifier.value;
      if (key === '') throw new ConfigError(`${path}.filter_state.key`, 'is empty');
      return (stream) => stream.info.filterState?.get(key);
    }
    case 'connectionProperties':
      if (!specifier.value.sourceIp) throw new ConfigError(`${path}.connection_properties`, 'names no property');
      return (stream) => stream.connection.remote.host;
    case 'queryParameter': {
      const { name } = specifier.value;
      return (stream) => queryParameter(stream.request.path, name);
    }
    default:
      throw new ConfigError(path, 'names nothing that Tulle can hash');
  }
}

/** The hash of a request over all policies, or undefined where no policy has a value or there are none. */
export function compileHash(policies: readonly HashPolicy[], path: string): ((stream: HttpStream) => number | undefined) | undefined {
  if (policies.length === 0) return undefined;
  const keys = policies.map((policy, i) => ({ keyOf: compileKey(policy, `${path}[${i}]`), isTerminal: policy.terminal }));
  return (stream) => {
    let hash: number | undefined;
    for (const { keyOf, isTerminal } of keys) {
      const key = keyOf(stream);
      if (key === undefined) continue;
      const own = hashText(key);
      hash = hash === undefined ? own : (((hash << 1) | (hash >>> 31)) ^ own) >>> 0;
      if (isTerminal) return hash;
    }
    return hash;
  };
}
