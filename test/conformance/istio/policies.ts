/** Who may call: RBAC rules as expressions without what their nesting says twice, and how tokens are checked. */
import { at, entries, items, type Json, type JsonMap, said, text } from './json.ts';
import { stringText } from './routes.ts';

/** All or any of `parts`, in an order of their own; a single one is itself. */
function joined(word: 'and' | 'or', parts: readonly string[]): string {
  const distinct = [...new Set(parts)].toSorted();
  if (word === 'or' && distinct.includes('any')) return 'any';
  const kept = word === 'and' ? distinct.filter((part) => part !== 'any') : distinct;
  if (kept.length === 0) return word === 'and' ? 'any' : 'none';
  return kept.length === 1 ? (kept[0] ?? '') : `${word}(${kept.join(', ')})`;
}

function cidrText(range: Json | undefined): string {
  return `${text(range, 'addressPrefix')}/${text(range, 'prefixLen')}`;
}

function metadataText(matcher: Json): string {
  const path = items(matcher, 'path').map((part) => text(part, 'key'));
  const value = at(matcher, 'value', 'listMatch', 'oneOf') ?? at(matcher, 'value');
  const or = items(at(value, 'orMatch'), 'valueMatchers').map((one) =>
    stringText(at(one, 'stringMatch') ?? at(one, 'listMatch', 'oneOf', 'stringMatch')),
  );
  const said = or.length > 0 ? joined('or', or) : stringText(at(value, 'stringMatch'));
  return `${text(matcher, 'filter')}.${path.join('.')} ${said}`;
}

function headerText(header: Json): string {
  const match = at(header, 'stringMatch');
  const isNot = at(header, 'invertMatch') === true ? 'not ' : '';
  const said = match === undefined ? 'present' : stringText(match);
  return `${isNot}header ${text(header, 'name')} ${said === 'regex .+' ? 'present' : said}`;
}

/** What a template of Envoy's matches: `*` one segment, `**` any number. */
function templateRegex(template: string): string {
  return template
    .split(/(\*\*?)/)
    .map((part) => (part === '*' ? '[^/]+' : part === '**' ? '.*' : part))
    .join('');
}

/** Who a pattern of identities is, where it can be written in more than one way. */
function identityText(match: Json | undefined): string {
  const said = stringText(match);
  const account = /^regex (?:\.\*|spiffe:\/\/\.\+)\/ns\/([^/]+)\/(?:\(\.\+\/\|\))?sa\/([^/(]+)(?:\(\/\.\+\)\?)?$/.exec(said);
  if (account !== null) return `account ${account[1]}/${account[2]}`;
  return `identity ${said.replace(/^regex spiffe:\/\/\.\*(?=\/)/, 'suffix ')}`;
}

const LEAVES: Readonly<Record<string, (value: Json) => string>> = {
  any: () => 'any',
  header: headerText,
  urlPath: (value) => {
    const template = text(value, 'path', 'safeRegex', 'regex');
    return `path ${template === '' ? stringText(at(value, 'path')) : `regex ${template}`}`;
  },
  uriTemplate: (value) => `path regex ${templateRegex(text(value, 'typedConfig', 'pathTemplate'))}`,
  destinationPort: (value) => `port ${text(value)}`,
  destinationIp: (value) => `to ${cidrText(value)}`,
  requestedServerName: (value) => `sni ${stringText(value)}`,
  directRemoteIp: (value) => `peer ${cidrText(value)}`,
  remoteIp: (value) => `client ${cidrText(value)}`,
  sourceIp: (value) => `source ${cidrText(value)}`,
  authenticated: (value) => identityText(at(value, 'principalName')),
  filterState: (value) => identityText(at(value, 'stringMatch')),
  metadata: metadataText,
  sourcedMetadata: (value) => metadataText(at(value, 'metadataMatcher') ?? {}),
};

/** A permission or principal as an expression. */
function expression(rule: Json): string {
  const [found] = entries(rule);
  if (found === undefined) return 'any';
  const [kind, value] = found;
  if (kind === 'andRules' || kind === 'andIds') return joined('and', [...items(value, 'rules'), ...items(value, 'ids')].map(expression));
  if (kind === 'orRules' || kind === 'orIds') return joined('or', [...items(value, 'rules'), ...items(value, 'ids')].map(expression));
  if (kind === 'notRule' || kind === 'notId') return `not(${expression(value)})`;
  return LEAVES[kind]?.(value) ?? `${kind} ${JSON.stringify(value)}`;
}

function rulesOf(rules: Json | undefined): JsonMap | undefined {
  if (rules === undefined) return undefined;
  const policies = entries(rules, 'policies').map(([name, policy]) => [
    name,
    joined('and', [joined('or', items(policy, 'permissions').map(expression)), joined('or', items(policy, 'principals').map(expression))]),
  ]);
  // what nothing meets is as good as no policy, and ALLOW without one denies everything
  const met = policies.filter(([, wanted]) => wanted !== 'not(any)');
  return { [text(rules, 'action') || 'ALLOW']: met.length === 0 ? 'no policy' : Object.fromEntries(met) };
}

function tokenRule(provider: Json): JsonMap {
  return said({
    issuer: text(provider, 'issuer'),
    audiences: at(provider, 'audiences'),
    headers: items(provider, 'fromHeaders').map((header) => `${text(header, 'name')} ${text(header, 'valuePrefix')}`.trim()),
    params: at(provider, 'fromParams'),
    cookies: at(provider, 'fromCookies'),
    forward: at(provider, 'forward'),
    payloadTo: at(provider, 'forwardPayloadHeader'),
    claimsTo: items(provider, 'claimToHeaders').map((claim) => `${text(claim, 'claimName')} -> ${text(claim, 'headerName')}`),
    keys: at(provider, 'localJwks') === undefined ? 'fetched' : 'given',
  });
}

/** Requirements on a request: providers by name, in any combination. */
function requirement(rule: Json, names: ReadonlyMap<string, string>): string {
  const provider = at(rule, 'providerName');
  if (provider !== undefined) return names.get(text(provider)) ?? text(provider);
  if (at(rule, 'allowMissing') !== undefined) return 'none given';
  if (at(rule, 'allowMissingOrFailed') !== undefined) return 'none given or a wrong one';
  for (const word of ['requiresAll', 'requiresAny'])
    if (at(rule, word) !== undefined) {
      const inner = items(rule, word, 'requirements').map((one) => requirement(one, names));
      return joined(word === 'requiresAll' ? 'and' : 'or', inner);
    }
  return 'any';
}

function tokensOf(config: Json | undefined): Json {
  const providers = entries(config, 'providers');
  const names = new Map(providers.map(([name, provider]) => [name, text(provider, 'issuer')]));
  const rules = items(config, 'rules').map((rule) => requirement(at(rule, 'requires') ?? {}, names));
  return { providers: providers.map(([, provider]) => tokenRule(provider)), requires: rules };
}

/** What HTTP or network filters demand of whoever calls, in the order in which they decide. */
export function policiesOf(filters: readonly Json[]): readonly Json[] {
  return filters.flatMap((filter): Json[] => {
    const config = at(filter, 'typedConfig');
    const name = text(filter, 'name');
    if (name.endsWith('jwt_authn')) return [{ tokens: tokensOf(config) }];
    if (!name.endsWith('rbac')) return [];
    const shadow = rulesOf(at(config, 'shadowRules'));
    const enforced = rulesOf(at(config, 'rules'));
    return [...(enforced ? [enforced] : []), ...(shadow ? [{ dryRun: shadow }] : [])];
  });
}
