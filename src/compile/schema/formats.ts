/** What text may look like, by name, so that schemas stay data. */
import { isCel } from '../../core/cel.ts';
import { parseCidr, parseIp } from '../../core/cidr.ts';
import { LOG_OPERATORS, logFormatFault } from '../../core/log-format.ts';
import { isRe2 } from './re2-syntax.ts';
import { closest } from './suggest.ts';

interface Format {
  /** What is allowed, as the end of a sentence "wants ...". */
  readonly allows: string;
  readonly accepts: (text: string) => boolean;
  /** What is wrong with a text that is refused, where more can be said than what is allowed. */
  readonly problem?: (text: string) => string | undefined;
}

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const HOST_LABEL = /^[a-z0-9_]([-_a-z0-9]{0,61}[a-z0-9_])?$/i;
const NAME = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;
const LABEL = /^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const CLAIM = /^@request\.auth\.claims(?:(?:\.[^.]+)+|(?:\[[^[\]]+\])+)$/i;
/** The path of a Unix socket, or `@` and an abstract name. */
const UNIX = /^unix:(\/\/)?[/@]/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function isHostname(text: string): boolean {
  return (
    text.length <= 253 &&
    text
      .replace(/\.$/, '')
      .split('.')
      .every((label) => HOST_LABEL.test(label))
  );
}

function isHost(text: string): boolean {
  return text === '*' || parseIp(text) !== undefined || isHostname(text.startsWith('*.') ? text.slice(2) : text);
}

function isLabelKey(text: string): boolean {
  const slash = text.indexOf('/');
  return slash === -1 ? LABEL.test(text) : isHostname(text.slice(0, slash)) && LABEL.test(text.slice(slash + 1));
}

function isNamespacedHost(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash === -1) return isHost(text);
  const namespace = text.slice(0, slash);
  return (namespace === '*' || namespace === '.' || DNS_LABEL.test(namespace)) && isHost(text.slice(slash + 1));
}

/** Names the operator that the proxies would refuse their listeners for. */
function logFormatProblem(text: string): string | undefined {
  const fault = logFormatFault(text);
  if (fault === undefined || fault.kind === 'syntax') return undefined;
  const { kind, name } = fault;
  if (kind === 'unsupported') return `%${name}% is Envoy's, and not supported by Tulle's proxies`;
  if (kind === 'argument') return `%${name}% takes no argument`;
  if (kind === 'no-argument') return `%${name}% wants an argument, as in %${name}(…)%`;
  const meant = closest(name, LOG_OPERATORS.keys());
  return `there is no operator %${name}%.${meant === undefined ? '' : ` Did you mean %${meant}%?`}`;
}

const FORMATS = {
  'dns-label': { allows: 'a DNS label: lower-case letters, digits and hyphens, at most 63', accepts: (text) => DNS_LABEL.test(text) },
  name: {
    allows: 'a resource name: lower-case letters, digits, hyphens and dots, at most 253',
    accepts: (text) => text.length <= 253 && NAME.test(text),
  },
  host: { allows: 'a DNS name, "*.name", "*" or an IP address', accepts: isHost },
  'exact-host': { allows: 'a DNS name or an IP address, without a wildcard', accepts: (text) => isHost(text) && !text.includes('*') },
  'namespaced-host': { allows: 'a host, or namespace/host with a namespace, "*" or "." in front', accepts: isNamespacedHost },
  'egress-host': {
    allows: 'namespace/host with a namespace, "*", "." or "~" in front, such as ./*, shop/cart.shop.svc.cluster.local or ~shop/*',
    accepts: (text) =>
      /^~?[^/~]*\/[^/]+$/.test(text) && !text.startsWith('/') && isNamespacedHost(text.replace(/^~(?=\/)/, '*').replace(/^~/, '')),
  },
  'bind-address': {
    allows: 'an IPv4 or IPv6 address, or unix:///path',
    accepts: (text) => UNIX.test(text) || parseIp(text) !== undefined,
  },
  'sidecar-endpoint': {
    allows: '127.0.0.1:port, 0.0.0.0:port, [::1]:port, [::]:port, :port or unix:///path',
    accepts: (text) =>
      UNIX.test(text) ||
      (/^(?:127\.0\.0\.1|0\.0\.0\.0|\[::1?\])?:[1-9]\d{0,4}$/.test(text) && Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535),
  },
  ip: { allows: 'an IPv4 or IPv6 address', accepts: (text) => parseIp(text) !== undefined },
  cidr: { allows: 'an IP address or a block such as 10.0.0.0/8', accepts: (text) => parseCidr(text) !== undefined },
  'endpoint-address': {
    allows: 'an IP address, a DNS name, or unix:///path',
    accepts: (text) => UNIX.test(text) || (isHost(text) && !text.includes('*')),
  },
  regex: {
    allows: 'an RE2 regular expression (no look-around, no back-references), at most 1024 characters',
    accepts: (text) => text.length <= 1_024 && isRe2(text),
  },
  cel: { allows: 'an expression of the Common Expression Language (CEL)', accepts: (text) => text === '' || isCel(text) },
  'log-format': {
    allows: "text with Envoy's operators, such as %REQ(:PATH)%, and %% for a percent sign",
    accepts: (text) => logFormatFault(text) === undefined,
    problem: logFormatProblem,
  },
  'header-name': { allows: 'an HTTP header name', accepts: (text) => TOKEN.test(text) },
  'matched-header': {
    allows: 'an HTTP header name, or @request.auth.claims with a claim behind it, as .name or [name]',
    accepts: (text) => TOKEN.test(text) || CLAIM.test(text),
  },
  'settable-header': {
    allows: 'an HTTP header name (of the pseudo-headers only :authority)',
    accepts: (text) => text === ':authority' || TOKEN.test(text),
  },
  method: { allows: 'an HTTP method', accepts: (text) => TOKEN.test(text) },
  'label-key': { allows: 'a label key, such as app or example.com/app', accepts: isLabelKey },
  'label-value': { allows: 'a label value: letters, digits, - _ . and at most 63', accepts: (text) => text === '' || LABEL.test(text) },
  visibility: {
    allows: '"." (its own namespace), "*" (all), "~" (none) or the name of a namespace',
    accepts: (text) => text === '.' || text === '*' || text === '~' || DNS_LABEL.test(text),
  },
  'gateway-reference': {
    allows: '"mesh", a gateway name, or namespace/name',
    accepts: (text) => /^(?:(?:\.|[-a-z0-9]+)\/)?[-.a-z0-9]+$/.test(text),
  },
  'port-number': { allows: 'a port from 1 to 65535', accepts: (text) => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535 },
  'absolute-path': { allows: 'a path that begins with /', accepts: (text) => text.startsWith('/') },
  locality: { allows: 'region, region/zone or region/zone/subzone', accepts: (text) => /^[^/\s]+(\/[^/\s]*){0,2}$/.test(text) },
  timestamp: { allows: 'an RFC 3339 time', accepts: (text) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)) },
} as const satisfies Readonly<Record<string, Format>>;

export type FormatName = keyof typeof FORMATS;

const BY_NAME: Readonly<Record<FormatName, Format>> = FORMATS;

/** What a format allows, for messages and the reference pages. */
export function formatAllows(name: FormatName): string {
  return FORMATS[name].allows;
}

/** True where `text` is of the format. */
export function hasFormat(name: FormatName, text: string): boolean {
  return FORMATS[name].accepts(text);
}

/** What is wrong with a text that is not of the format; undefined where nothing but what the format allows can be said. */
export function formatProblem(name: FormatName, text: string): string | undefined {
  return BY_NAME[name].problem?.(text);
}
