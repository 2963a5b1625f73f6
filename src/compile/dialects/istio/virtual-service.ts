import { defaulted, list, object, required, string, type Infer } from '../../schema/schema.ts';
import type { Provenance } from '../../../model/provenance.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import type { DelegatingPart } from '../part.ts';
import { exportToField, visibilityOf } from '../visibility.ts';
import { NETWORKING } from './api-versions.ts';
import { resolveGateways } from './gateway-reference.ts';
import { httpRuleSchema, lowerHttpRule } from './http-rule.ts';
import { lowerL4Rule, tcpRuleSchema, tlsRuleSchema } from './l4-rule.ts';

const specSchema = object(
  {
    hosts: defaulted(
      list(string({ format: 'host' })),
      [],
      'Hosts that the rules are for; a name without dots is a service of the same namespace. None: a delegate.',
    ),
    gateways: defaulted(
      list(string({ format: 'gateway-reference' })),
      [],
      'Gateways that follow the rules; "mesh" is every sidecar, and the default.',
    ),
    http: defaulted(list(httpRuleSchema), [], 'Rules for HTTP; the first that matches counts.'),
    tls: defaulted(list(tlsRuleSchema), [], 'Rules for TLS that is passed through, by server name.'),
    tcp: defaulted(list(tcpRuleSchema), [], 'Rules for everything else.'),
    exportTo: exportToField,
  },
  [{ kind: 'at-least-one', fields: ['http', 'tls', 'tcp'] }],
);

type Spec = Infer<typeof specSchema>;

/** True where `host` is one of the pattern's. */
function covers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  return pattern.startsWith('*.') && host.replace(/^\*/, '').endsWith(pattern.slice(1));
}

function check(spec: Spec, hosts: readonly string[], lowering: Lowering): void {
  for (const rule of spec.tls) {
    for (const match of rule.match) {
      for (const name of match.sniHosts) {
        const isCovered = hosts.some((host) => covers(host, name.toLowerCase())) || spec.hosts.includes(name);
        if (!isCovered) lowering.error('TUL021', match, 'sniHosts', `"${name}" is not among the hosts of the VirtualService`);
      }
    }
  }
  const isForMesh = spec.gateways.length === 0 || spec.gateways.includes('mesh');
  const star = spec.hosts.indexOf('*');
  if (star >= 0 && isForMesh)
    lowering.error('TUL021', spec, `hosts[${star}]`, '"*" is for gateways only: write "*.local" or the like for services of the mesh');
  for (const rule of spec.http.slice(0, -1)) {
    if (rule.match.length > 0) continue;
    lowering.warning('TUL020', rule, '', 'the rule matches every request, so the rules after it are never reached: put it last');
    break;
  }
}

/** The delegates of rules, by the rule's place; and what a delegate itself may not have. */
function delegatesOf(spec: Spec, lowering: Lowering): DelegatingPart['delegates'] {
  const { namespace } = lowering;
  const found = new Map<number, { namespace: string; name: string; origin: Provenance }>();
  for (const [place, { delegate }] of spec.http.entries()) {
    if (delegate === undefined) continue;
    found.set(place, { name: delegate.name, namespace: delegate.namespace ?? namespace, origin: lowering.originOf(delegate) });
  }
  if (spec.hosts.length > 0) return found;
  const excess = (['gateways', 'tls', 'tcp'] as const).find((field) => spec[field].length > 0);
  if (excess !== undefined) lowering.error('TUL021', spec, excess, `a VirtualService without hosts is a delegate, which has no ${excess}`);
  if (found.size > 0)
    lowering.error('TUL021', spec, 'http', 'a VirtualService without hosts is a delegate, which leaves nothing to others');
  return found;
}

/** Istio VirtualService: how requests for some hosts are routed. */
export const virtualService = defineDialect({
  kind: 'VirtualService',
  apiVersions: NETWORKING,
  description: 'How requests for some hosts are routed.',
  fields: { spec: required(specSchema, 'Hosts and rules.') },
  lower({ spec }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    const hosts = spec.hosts.map((host) => lowering.resolveHost(host));
    check(spec, hosts, lowering);
    const delegates = delegatesOf(spec, lowering);
    const gateways = spec.gateways.length === 0 ? ['mesh'] : resolveGateways(spec.gateways, namespace);
    const route = {
      name,
      namespace,
      hosts,
      gateways,
      exportTo: visibilityOf(spec.exportTo),
      http: spec.http.map((rule) => lowerHttpRule(rule, lowering)),
      tls: spec.tls.map((rule) => lowerL4Rule(rule, lowering)),
      tcp: spec.tcp.map((rule) => lowerL4Rule(rule, lowering)),
      createdAt,
      origin,
    };
    return delegates.size > 0 || hosts.length === 0
      ? { kind: 'delegating-routes', value: { route, delegates } }
      : { kind: 'routes', value: route };
  },
});
