/** Who may call: RBAC rules as expressions without what their nesting says twice, and how tokens are checked. */
import { at, entries, items, type Json, type JsonMap, said, text } from './json.ts';
import { metadataTexts, stringText } from './string-texts.ts';

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
  const end = /^regex spiffe:\/\/\.\*(.*)$/.exec(said)?.[1];
  return `identity ${end === undefined ? said : `suffix ${end.replaceAll('\\.', '.')}`}`;
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
};

/** What a permission or principal is any of. */
function alternatives(rule: Json): readonly string[] {
  const [found] = entries(rule);
  if (found === undefined) return ['any'];
  const [kind, value] = found;
  if (kind === 'orRules' || kind === 'orIds') return [...items(value, 'rules'), ...items(value, 'ids')].flatMap(alternatives);
  if (kind === 'metadata') return metadataTexts(value);
  if (kind === 'sourcedMetadata') return metadataTexts(at(value, 'metadataMatcher') ?? {});
  if (kind === 'andRules' || kind === 'andIds') return [joined('and', [...items(value, 'rules'), ...items(value, 'ids')].map(expression))];
  if (kind === 'notRule' || kind === 'notId') return [`not(${expression(value)})`];
  return [LEAVES[kind]?.(value) ?? `${kind} ${JSON.stringify(value)}`];
}

/** A permission or principal as an expression. */
function expression(rule: Json): string {
  return joined('or', alternatives(rule));
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

/** Keys that nobody can sign with stand for those that could not be fetched. */
const NOBODYS = /0xObjM0UvS_|y7IJw8HGnWgVCrkFliKY/;

function keysText(provider: Json): string {
  const remote = at(provider, 'remoteJwks', 'httpUri');
  if (remote !== undefined) return `fetched by the proxy from ${text(remote, 'uri')} by ${text(remote, 'cluster')}`;
  return NOBODYS.test(text(provider, 'localJwks', 'inlineString')) ? "nobody's" : 'given';
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
    spaces: at(provider, 'normalizePayloadInMetadata', 'spaceDelimitedClaims'),
    newRoute: at(provider, 'clearRouteCache'),
    keys: keysText(provider),
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

function names(list: Json | undefined): Json {
  return items(list, 'patterns').map(stringText);
}

/** Who is asked about requests, and about which. */
function askedOf(config: Json | undefined): Json {
  const http = at(config, 'httpService');
  const grpc = at(config, 'grpcService');
  const answer = at(http, 'authorizationResponse');
  const only = at(config, 'filterEnabledMetadata');
  return said({
    by: http === undefined ? `gRPC of ${text(grpc, 'envoyGrpc', 'authority')}` : `HTTP of ${text(http, 'serverUri', 'uri')}`,
    cluster: text(http, 'serverUri', 'cluster') || text(grpc, 'envoyGrpc', 'clusterName'),
    timeout: at(http, 'serverUri', 'timeout') ?? at(grpc, 'timeout'),
    failsOpen: at(config, 'failureModeAllow'),
    status: at(config, 'statusOnError', 'code'),
    newRoute: at(config, 'clearRouteCache'),
    pathPrefix: at(http, 'pathPrefix'),
    told: names(at(config, 'allowedHeaders')),
    added: items(http, 'authorizationRequest', 'headersToAdd').map((header) => `${text(header, 'key')}: ${text(header, 'value')}`),
    upstream: names(at(answer, 'allowedUpstreamHeaders')),
    onDeny: names(at(answer, 'allowedClientHeaders')),
    onAllow: names(at(answer, 'allowedClientHeadersOnSuccess')),
    body: at(config, 'withRequestBody'),
    // a name that another provider's begins with is told from it by what follows
    about: only && metadataTexts(only).map((one) => one.replace(/-ns\[$/, '')),
  });
}

/** What HTTP or network filters demand of whoever calls, in the order in which they decide. */
export function policiesOf(filters: readonly Json[]): readonly Json[] {
  return filters.flatMap((filter): Json[] => {
    const config = at(filter, 'typedConfig');
    const name = text(filter, 'name');
    if (name.endsWith('jwt_authn')) return [{ tokens: tokensOf(config) }];
    if (name.endsWith('ext_authz')) return [{ asks: askedOf(config) }];
    if (!name.endsWith('rbac')) return [];
    const shadow = rulesOf(at(config, 'shadowRules'));
    const enforced = rulesOf(at(config, 'rules'));
    const noted = text(config, 'shadowRulesStatPrefix') === 'istio_ext_authz_' ? 'noted' : 'dryRun';
    return [...(enforced ? [enforced] : []), ...(shadow ? [{ [noted]: shadow }] : [])];
  });
}
