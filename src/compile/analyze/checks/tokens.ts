/** Tokens that are checked and not asked for, or asked for and not checked: RequestAuthentication and its policies. */
import { isObject } from '../../../core/object.ts';
import { selects, type LabelSelector } from '../../../model/match.ts';
import { listAt, mapAt, textAt, textsOf, type Json, type RawDocument } from '../document.ts';
import type { Check, Say } from '../finding.ts';
import { targetsFor } from '../policy-targets.ts';
import type { Target, World } from '../world.ts';

/** Prefix of headers by which routes match claims. */
const CLAIMS = '@request.auth.claims';

interface Selector {
  readonly document: RawDocument;
  readonly targets: readonly Target[];
  /** What says so: `spec.selector`, or a reference. */
  readonly field: string;
}

const GATEWAY_API = 'gateway.networking.k8s.io';

/** Names of the Gateways that a policy refers to; undefined: it selects by labels. */
function gatewaysOf(spec: Json): readonly string[] | undefined {
  const single = mapAt(spec, 'targetRef');
  const references = Object.keys(single).length > 0 ? [single] : listAt(spec, 'targetRefs').filter(isObject);
  if (references.length === 0) return undefined;
  return references
    .filter((one) => textAt(one, 'kind') === 'Gateway' && textAt(one, 'group') === GATEWAY_API)
    .map((one) => textAt(one, 'name'));
}

function selectorOf(document: RawDocument, world: World): Selector {
  const { name, namespace } = document;
  const spec = mapAt(document.value, 'spec');
  const labels: LabelSelector = textsOf(mapAt(spec, 'selector', 'matchLabels'));
  const gateways = gatewaysOf(spec);
  const policy = { name, namespace, selector: Object.keys(labels).length === 0 ? undefined : labels, gateways };
  const targets = targetsFor(policy, world);
  return {
    document,
    targets,
    field: gateways === undefined ? 'spec.selector' : 'targetRef' in spec ? 'spec.targetRef' : 'spec.targetRefs',
  };
}

/** Where a policy's rules ask for what only a checked token gives. */
function tokenFields({ value }: RawDocument): readonly string[] {
  return listAt(mapAt(value, 'spec'), 'rules').flatMap((rule, at) => {
    if (!isObject(rule)) return [];
    const from = listAt(rule, 'from').flatMap((item, index) => {
      const source = mapAt(item, 'source');
      const fields = ['requestPrincipals', 'notRequestPrincipals'].filter((field) => listAt(source, field).length > 0);
      return fields.map((field) => `spec.rules[${at}].from[${index}].source.${field}`);
    });
    const when = listAt(rule, 'when').flatMap((item, index) =>
      isObject(item) && textAt(item, 'key').startsWith('request.auth.') ? [`spec.rules[${at}].when[${index}]`] : [],
    );
    return [...from, ...when];
  });
}

function checkAsked(checked: readonly Selector[], policies: readonly Selector[], say: Say): void {
  const asking = policies.filter(({ document }) => tokenFields(document).length > 0);
  for (const { document, targets, field } of checked) {
    if (listAt(mapAt(document.value, 'spec'), 'jwtRules').length === 0) continue;
    if (targets.length === 0) {
      say('IST0127', document.originOf(field), `no workload is selected: ${document.key} checks no token`);
      continue;
    }
    const bare = targets.find((target) => !asking.some((policy) => policy.targets.includes(target)));
    if (bare === undefined) continue;
    const message = `no AuthorizationPolicy for ${bare.namespace}/${bare.name} asks for a token: requests without one pass, only bad tokens get 401`;
    say('TUL208', document.originOf('spec.jwtRules'), message);
  }
}

function checkChecked(checked: readonly Selector[], policies: readonly Selector[], say: Say): void {
  for (const { document, targets } of policies) {
    const [field] = tokenFields(document);
    if (field === undefined || targets.length === 0) continue;
    const bare = targets.find((target) => !checked.some((other) => other.targets.includes(target)));
    if (bare === undefined) continue;
    const action = textAt(mapAt(document.value, 'spec'), 'action') || 'ALLOW';
    const isNegative = field.includes('notRequestPrincipals');
    const effect = isNegative ? `${action} applies to every request by it` : `${action} applies to no request by it`;
    say(
      'TUL209',
      document.originOf(field),
      `nothing checks tokens for ${bare.namespace}/${bare.name}, so that no request has a principal: ${effect}`,
    );
  }
}

function claimHeaders(rule: Json): readonly string[] {
  const matches = listAt(rule, 'match').filter(isObject);
  const names = matches.flatMap((match) => [...Object.keys(mapAt(match, 'headers')), ...Object.keys(mapAt(match, 'withoutHeaders'))]);
  return names.filter((name) => name.startsWith(CLAIMS));
}

function checkRoutes(checked: readonly Selector[], world: World, say: Say): void {
  for (const { value, namespace, originOf } of world.documents.withText(CLAIMS)) {
    const spec = mapAt(value, 'spec');
    const names = listAt(spec, 'gateways').map((name) => (String(name).includes('/') ? String(name) : `${namespace}/${String(name)}`));
    const gateways = world.mesh.gateways.filter((gateway) => names.includes(`${gateway.namespace}/${gateway.name}`));
    const targets = world.targets.filter(
      ({ labels, isGateway }) => isGateway && gateways.some(({ selector }) => selects(selector, labels)),
    );
    if (targets.every((target) => checked.some((other) => other.targets.includes(target))) && targets.length > 0) continue;
    const isOfMesh = names.every((name) => name === `${namespace}/mesh`);
    const why = isOfMesh
      ? "is matched for calls in the mesh, which the client's proxy routes before the server's checks their tokens"
      : 'is matched, and no RequestAuthentication checks tokens at the gateway';
    for (const [index, rule] of listAt(spec, 'http').entries()) {
      const [name] = isObject(rule) ? claimHeaders(rule) : [];
      if (name !== undefined)
        say(
          'IST0149',
          originOf(`spec.http[${index}].match`),
          `"${name}" ${why}: the match never holds`,
          isOfMesh ? { hint: 'Route by claims at a gateway, or by a header that outputClaimToHeaders makes of them.' } : {},
        );
    }
  }
}

export const tokens: Check = {
  name: 'tokens',
  looksAt: ['RequestAuthentication', 'AuthorizationPolicy', 'VirtualService', 'Workload'],
  codes: ['IST0127', 'IST0149', 'TUL208', 'TUL209'],
  run(world, say) {
    const checked = world.documents.ofKinds('RequestAuthentication').map((document) => selectorOf(document, world));
    const policies = world.documents.ofKinds('AuthorizationPolicy').map((document) => selectorOf(document, world));
    checkAsked(checked, policies, say);
    checkChecked(checked, policies, say);
    checkRoutes(checked, world, say);
  },
};
