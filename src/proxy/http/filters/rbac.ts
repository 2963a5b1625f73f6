/** Authorization of requests: `envoy.filters.http.rbac`. The engine stands in `proxy/authz/`. */
import { messageAs } from '../../config/typed-config.ts';
import {
  type RBAC,
  type RBACPerRoute,
  RBACPerRouteSchema,
  RBACSchema,
} from '../../../xds/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import { createRecorder, denialDetails, type Recorder } from '../../authz/decision.ts';
import { compileEngine, type Engine } from '../../authz/engine.ts';
import { CONTINUE, type FilterScope, type FilterStatus, type HttpFilter, type HttpStream, REPLIED } from '../filter.ts';
import { routeConfig } from '../route-config.ts';

const NAME = 'envoy.filters.http.rbac';

/** A filter's or a route's rules. `rules` undefined: nothing is enforced; a route without both is free. */
class RbacConfig {
  readonly rules: Engine | undefined;
  readonly shadow: Engine | undefined;
  readonly rulesPrefix: string;
  readonly shadowPrefix: string;
  readonly tracksPerRule: boolean;

  constructor(message: RBAC | undefined, path: string) {
    this.rules = message?.rules && compileEngine(message.rules, `${path}.rules`);
    this.shadow = message?.shadowRules && compileEngine(message.shadowRules, `${path}.shadow_rules`);
    this.rulesPrefix = message?.rulesStatPrefix ?? '';
    this.shadowPrefix = message?.shadowRulesStatPrefix ?? '';
    this.tracksPerRule = message?.trackPerRuleStats ?? false;
  }
}

/** Decides one stream by one configuration. */
type Enforce = (stream: HttpStream) => FilterStatus;

function enforceRules(engine: Engine, recorder: Recorder, stream: HttpStream): FilterStatus {
  const verdict = engine.decide(stream);
  if (engine.action === 'LOG') {
    // LOG lets everything pass and marks what matched for access logs
    stream.info.metadata.set('envoy.common', { access_log_hint: verdict.policy !== undefined });
    return CONTINUE;
  }
  recorder.count(verdict);
  if (verdict.isAllowed) return CONTINUE;
  recorder.leaveDenial(stream.info, verdict);
  stream.reply({ status: 403, body: 'RBAC: access denied', details: denialDetails(verdict) });
  return REPLIED;
}

function prepare({ rules, shadow, rulesPrefix, shadowPrefix, tracksPerRule }: RbacConfig, scope: FilterScope): Enforce {
  const { stats, listenerMetadata } = scope;
  const shared = { stats, listenerMetadata, tracksPerRule, metadataNamespace: NAME, metadataPrefix: shadowPrefix };
  const recorder = rules && createRecorder(rules, { ...shared, statPrefix: `rbac.${rulesPrefix}`, isShadow: false });
  const shadowRecorder = shadow && createRecorder(shadow, { ...shared, statPrefix: `rbac.${shadowPrefix}`, isShadow: true });
  return (stream) => {
    if (shadow !== undefined && shadowRecorder !== undefined) {
      const verdict = shadow.decide(stream);
      shadowRecorder.count(verdict);
      shadowRecorder.leaveShadow(stream.info, verdict);
    }
    return rules === undefined || recorder === undefined ? CONTINUE : enforceRules(rules, recorder, stream);
  };
}

function parseRoute(given: unknown, path: string): RbacConfig {
  const message = messageAs(RBACPerRouteSchema, given, path);
  const route: RBACPerRoute = message;
  return new RbacConfig(route.rbac, `${path}.rbac`);
}

/** Denies with 403 and leaves `tulle: { policy, file, line }` of who denied in the stream's metadata. */
export const rbac: HttpFilter<typeof RBACSchema, RbacConfig> = {
  name: NAME,
  schema: RBACSchema,
  parse: (message, path) => new RbacConfig(message, path),
  routeSchema: RBACPerRouteSchema,
  parseRoute,
  create(config, scope) {
    const enforce = prepare(config, scope);
    const ofRoutes = new WeakMap<RbacConfig, Enforce>();
    return {
      onRequestHeaders(stream) {
        const route = routeConfig(stream, scope.name, RbacConfig);
        if (route === undefined) return enforce(stream);
        let own = ofRoutes.get(route);
        if (own === undefined) ofRoutes.set(route, (own = prepare(route, scope)));
        return own(stream);
      },
    };
  },
};
