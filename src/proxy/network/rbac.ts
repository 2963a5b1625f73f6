/**
 * Authorization of connections: `envoy.filters.network.rbac`. Decided when the connection is established (TLS done), before
 * anything is sent to an upstream, and with CONTINUOUS enforcement again whenever the client says something; conditions on
 * HTTP never hold here.
 */
import { ConfigError } from '../../core/errors.ts';
import { type RBAC, RBAC_EnforcementType, RBACSchema } from '../../xds/gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts';
import { createRecorder, denialDetails } from '../authz/decision.ts';
import { compileEngine, type Engine } from '../authz/engine.ts';
import { durationMs } from '../config/durations.ts';
import type { NetworkFilter, NetworkHandler } from './filter.ts';
import { refuse } from './refusal.ts';
import { observeTcp } from './tcp-observer.ts';

const NAME = 'envoy.filters.network.rbac';

interface RbacConfig {
  readonly rules: Engine | undefined;
  readonly shadow: Engine | undefined;
  readonly statPrefix: string;
  readonly shadowPrefix: string;
  readonly isContinuous: boolean;
  /** How long a connection that is denied is kept before it is closed. */
  readonly delayMs: number;
}

function parse(message: RBAC, path: string): RbacConfig {
  if (message.statPrefix === '') throw new ConfigError(`${path}.stat_prefix`, 'is empty');
  return {
    rules: message.rules && compileEngine(message.rules, `${path}.rules`),
    shadow: message.shadowRules && compileEngine(message.shadowRules, `${path}.shadow_rules`),
    statPrefix: message.statPrefix,
    shadowPrefix: message.shadowRulesStatPrefix,
    isContinuous: message.enforcementType === RBAC_EnforcementType.CONTINUOUS,
    delayMs: durationMs(message.delayDeny, 0),
  };
}

/** Joins as Envoy does: a prefix may bring its own dot. */
function join(prefix: string, name: string): string {
  return prefix.endsWith('.') ? `${prefix}${name}` : `${prefix}.${name}`;
}

/** Closes connections that are not allowed; the reason is `rbac_access_denied_matched_policy[...]`. */
export const rbac: NetworkFilter<typeof RBACSchema, RbacConfig> = {
  name: NAME,
  schema: RBACSchema,
  isTerminal: false,
  parse,
  create({ rules, shadow, statPrefix, shadowPrefix, isContinuous, delayMs }, { stats, listenerMetadata }) {
    const shared = { stats, listenerMetadata, tracksPerRule: false, metadataNamespace: NAME, metadataPrefix: shadowPrefix };
    const recorder = rules && createRecorder(rules, { ...shared, statPrefix: join(statPrefix, 'rbac.'), isShadow: false });
    const shadowRecorder =
      shadow && createRecorder(shadow, { ...shared, statPrefix: join(statPrefix, `rbac.${shadowPrefix}`), isShadow: true });
    const handler = (...[connection, downstream, info]: Parameters<NetworkHandler>): boolean => {
      const input = { connection: downstream, request: undefined, info: undefined, tcp: info };
      if (shadow !== undefined) {
        const tried = shadow.decide(input);
        shadowRecorder?.count(tried);
        shadowRecorder?.leaveShadow(info, tried);
      }
      if (rules === undefined || rules.action === 'LOG') return true;
      const verdict = rules.decide(input);
      recorder?.count(verdict);
      if (verdict.isAllowed) return true;
      return refuse(connection, downstream, { details: denialDetails(verdict), reason: 'rbac_deny_close', delayMs });
    };
    if (!isContinuous) return handler;
    return (connection, downstream, info) => {
      if (!handler(connection, downstream, info)) return false;
      let isFirst = true;
      // the first bytes were decided about already
      const onData = (): boolean => {
        if (!isFirst) return handler(connection, downstream, info);
        isFirst = false;
        return true;
      };
      observeTcp(downstream, { onData });
      return true;
    };
  },
};
