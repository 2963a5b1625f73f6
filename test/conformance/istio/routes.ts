/** What matters to traffic in a virtual host: whom it is for, and what becomes of which request, in order. */
import { at, count, entries, items, type Json, type JsonMap, said, text } from './json.ts';
import { metadataTexts, stringText } from './string-texts.ts';

function conditionText(condition: Json): string {
  const isNot = at(condition, 'invertMatch') === true ? 'not ' : '';
  const missing = at(condition, 'treatMissingHeaderAsEmpty') === true ? ' or missing' : '';
  const match = at(condition, 'stringMatch');
  return `${isNot}${text(condition, 'name')} ${match === undefined ? 'present' : stringText(match)}${missing}`;
}

function pathText(match: Json | undefined): string {
  const regex = text(match, 'safeRegex', 'regex');
  const template = at(match, 'pathSeparatedPrefix');
  const found =
    regex !== ''
      ? `regex ${regex}`
      : template !== undefined
        ? `path prefix ${text(template)}`
        : at(match, 'path') === undefined
          ? `prefix ${text(match, 'prefix')}`
          : `exact ${text(match, 'path')}`;
  return at(match, 'caseSensitive') === false ? `${found} (any case)` : found;
}

function share(fraction: Json | undefined): number {
  const scale = { TEN_THOUSAND: 100, MILLION: 10_000 }[text(fraction, 'denominator')] ?? 1;
  return count(fraction, 'numerator') / scale;
}

function headerText(option: Json): string {
  const action = text(option, 'appendAction') === 'OVERWRITE_IF_EXISTS_OR_ADD' ? 'set' : 'add';
  return `${action} ${text(option, 'header', 'key')}: ${text(option, 'header', 'value')}`;
}

function headersOf(owner: Json | undefined): JsonMap {
  const side = (name: string) => [
    ...items(owner, `${name}HeadersToAdd`).map(headerText),
    ...items(owner, `${name}HeadersToRemove`).map((header) => `remove ${text(header)}`),
  ];
  return said({ request: side('request'), response: side('response') });
}

function retriesOf(policy: Json | undefined): Json {
  if (policy === undefined) return 'none';
  return said({
    on: text(policy, 'retryOn').split(',').toSorted(),
    attempts: at(policy, 'numRetries') ?? 1,
    perTryTimeout: at(policy, 'perTryTimeout'),
    codes: at(policy, 'retriableStatusCodes'),
    avoids: items(policy, 'retryHostPredicate').map((predicate) => text(predicate, 'name').split('.').at(-1) ?? ''),
    // says nothing without hosts to avoid
    hostAttempts: items(policy, 'retryHostPredicate').length > 0 ? at(policy, 'hostSelectionRetryMaxAttempts') : undefined,
    priority: text(policy, 'retryPriority', 'name'),
    backoff: at(policy, 'retryBackOff', 'baseInterval'),
  });
}

function hashText(policy: Json): string {
  if (at(policy, 'header') !== undefined) return `header ${text(policy, 'header', 'headerName').toLowerCase()}`;
  if (at(policy, 'queryParameter') !== undefined) return `query ${text(policy, 'queryParameter', 'name')}`;
  if (at(policy, 'connectionProperties') !== undefined) return 'source address';
  const attributes = items(policy, 'cookie', 'attributes').map((attribute) => `${text(attribute, 'name')}=${text(attribute, 'value')}`);
  return ['cookie', text(policy, 'cookie', 'name'), text(policy, 'cookie', 'path'), text(policy, 'cookie', 'ttl'), ...attributes]
    .filter((part) => part !== '')
    .join(' ');
}

function faultOf(fault: Json | undefined): Json | undefined {
  if (fault === undefined) return undefined;
  const delay = at(fault, 'delay');
  const abort = at(fault, 'abort');
  return said({
    delay: delay && `${text(delay, 'fixedDelay')} for ${share(at(delay, 'percentage'))}%`,
    abort:
      abort &&
      `${at(abort, 'grpcStatus') === undefined ? `http ${text(abort, 'httpStatus')}` : `grpc ${text(abort, 'grpcStatus')}`} for ${share(at(abort, 'percentage'))}%`,
  });
}

function corsOf(cors: Json | undefined): Json | undefined {
  if (cors === undefined) return undefined;
  return said({
    origins: items(cors, 'allowOriginStringMatch').map(stringText),
    methods: at(cors, 'allowMethods'),
    headers: at(cors, 'allowHeaders'),
    exposes: at(cors, 'exposeHeaders'),
    maxAge: at(cors, 'maxAge'),
    credentials: text(cors, 'allowCredentials'),
    forwardsOthers: text(cors, 'forwardNotMatchingPreflights'),
  });
}

function destinationOf(action: Json | undefined): Json | undefined {
  const weighted = items(action, 'weightedClusters', 'clusters');
  if (weighted.length === 0) return at(action, 'cluster');
  return weighted.map((cluster) =>
    said({
      cluster: text(cluster, 'name'),
      weight: count(cluster, 'weight'),
      host: at(cluster, 'hostRewriteLiteral'),
      ...headersOf(cluster),
    }),
  );
}

function forwardOf(action: Json | undefined): JsonMap {
  return said({
    to: destinationOf(action),
    timeout: text(action, 'timeout'),
    idleTimeout: text(action, 'idleTimeout'),
    retries: retriesOf(at(action, 'retryPolicy')),
    newPath: at(action, 'prefixRewrite') ?? at(action, 'pathRewrite'),
    newPathRegex:
      at(action, 'regexRewrite') &&
      `${text(action, 'regexRewrite', 'pattern', 'regex')} -> ${text(action, 'regexRewrite', 'substitution')}`,
    formerHost: at(action, 'hostRewriteLiteral') !== undefined && at(action, 'appendXForwardedHost') === true ? 'told' : undefined,
    host: at(action, 'hostRewriteLiteral') ?? (at(action, 'autoHostRewrite') === true ? 'of the endpoint' : undefined),
    mirrors: items(action, 'requestMirrorPolicies').map(
      (mirror) => `${text(mirror, 'cluster')} ${share(at(mirror, 'runtimeFraction', 'defaultValue'))}%`,
    ),
    // one policy for each destination, all alike
    hash: [...new Set(items(action, 'hashPolicy').map(hashText))],
  });
}

function redirectOf(action: Json): JsonMap {
  return {
    redirect: said({
      code: text(action, 'responseCode') || 'MOVED_PERMANENTLY',
      host: at(action, 'hostRedirect'),
      path: at(action, 'pathRedirect'),
      prefix: at(action, 'prefixRewrite'),
      port: at(action, 'portRedirect'),
      scheme: at(action, 'schemeRedirect') ?? (at(action, 'httpsRedirect') === true ? 'https' : undefined),
    }),
  };
}

function bodyOf(action: Json): string {
  const bytes = text(action, 'body', 'inlineBytes');
  return bytes === '' ? text(action, 'body', 'inlineString') : Buffer.from(bytes, 'base64').toString();
}

/** One route. */
function routeOf(route: Json): JsonMap {
  const match = at(route, 'match');
  const filters = at(route, 'typedPerFilterConfig');
  const redirect = at(route, 'redirect');
  const direct = at(route, 'directResponse');
  return said({
    name: at(route, 'name'),
    path: pathText(match),
    // a request must meet all of them: their order says nothing
    when: [
      ...items(match, 'headers').map(conditionText),
      ...items(match, 'queryParameters').map((parameter) => `?${conditionText(parameter)}`),
      ...items(match, 'dynamicMetadata').map(
        (matcher) => `${at(matcher, 'invert') === true ? 'not ' : ''}${metadataTexts(matcher).join(' or ')}`,
      ),
    ].toSorted(),
    ...(redirect && redirectOf(redirect)),
    ...(direct && { answer: `${text(direct, 'status')} ${bodyOf(direct)}`.trim() }),
    ...(redirect === undefined && direct === undefined && forwardOf(at(route, 'route'))),
    headers: headersOf(route),
    fault: faultOf(at(filters, 'envoy.filters.http.fault')),
    cors: corsOf(at(filters, 'envoy.filters.http.cors')),
  });
}

/** A virtual host. */
export function virtualHostOf(host: Json): JsonMap {
  const other = entries(host, 'typedPerFilterConfig').map(([name]) => name);
  return said({
    domains: items(host, 'domains')
      .map((domain) => text(domain))
      .toSorted(),
    requireTls: at(host, 'requireTls'),
    filters: other,
    routes: items(host, 'routes').map(routeOf),
  });
}
