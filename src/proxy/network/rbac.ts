/**
 * Authorization of connections: `envoy.filters.network.rbac`. Decided once, when the connection is established (TLS
 * done); conditions on HTTP never hold here.
 */
import { ConfigError } from '../../core/errors.ts';
import { type RBAC, RBAC_EnforcementType, RBACSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { createRecorder, denialDetails } from '../authz/decision.ts';
import { compileEngine, type Engine } from '../authz/engine.ts';
import type { NetworkFilter } from './filter.ts';

interface RbacConfig {
  readonly rules: Engine | undefined;
  readonly shadow: Engine | undefined;
  readonly statPrefix: string;
  readonly shadowPrefix: string;
}

function parse(message: RBAC, path: string): RbacConfig {
  if (message.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
  if (message.enforcementType !== RBAC_EnforcementType.ONE_TIME_ON_FIRST_BYTE) {
    throw new ConfigError(`${path}.enforcement_type`, 'CONTINUOUS is not supported by Tulle: nothing it looks at changes');
  }
  return {
    rules: message.rules && compileEngine(message.rules, `${path}.rules`),
    shadow: message.shadowRules && compileEngine(message.shadowRules, `${path}.shadow_rules`),
    statPrefix: message.statPrefix,
    shadowPrefix: message.shadowRulesStatPrefix,
  };
}

/** Joins as Envoy does: a prefix may bring its own dot. */
function join(prefix: string, name: string): string {
  return prefix.endsWith('.') ? `${prefix}${name}` : `${prefix}.${name}`;
}

/** Closes connections that are not allowed; the reason is `rbac_access_denied_matched_policy[...]`. */
export const rbac: NetworkFilter<typeof RBACSchema, RbacConfig> = {
  name: 'envoy.filters.network.rbac',
  schema: RBACSchema,
  isTerminal: false,
  parse,
  create({ rules, shadow, statPrefix, shadowPrefix }, { stats, listenerMetadata }) {
    const shared = { stats, listenerMetadata, tracksPerRule: false, metadataPrefix: shadowPrefix };
    const recorder = rules && createRecorder(rules, { ...shared, statPrefix: join(statPrefix, 'rbac.'), isShadow: false });
    const shadowRecorder =
      shadow && createRecorder(shadow, { ...shared, statPrefix: join(statPrefix, `rbac.${shadowPrefix}`), isShadow: true });
    return (connection, downstream) => {
      const input = { connection: downstream, request: undefined, info: undefined };
      if (shadow !== undefined) shadowRecorder?.count(shadow.decide(input));
      if (rules === undefined || rules.action === 'LOG') return true;
      const verdict = rules.decide(input);
      recorder?.count(verdict);
      if (verdict.isAllowed) return true;
      connection.destroy(denialDetails(verdict));
      return false;
    };
  },
};
