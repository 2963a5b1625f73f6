import type { HttpAction, HttpRule, Redirect, Rewrite } from '../../../model/route.ts';
import {
  bytes,
  defaulted,
  deprecated,
  duration,
  int,
  list,
  object,
  oneOf,
  optional,
  port,
  required,
  string,
  type Infer,
} from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { corsSchema, lowerCors } from './cors.ts';
import { destinationSchema, httpDestinationSchema, lowerDestination, lowerDestinations } from './destination.ts';
import { faultSchema, lowerFault, percentSchema } from './fault.ts';
import { headersSchema, lowerHeaders } from './headers.ts';
import { httpMatchSchema, lowerHttpMatch } from './http-match.ts';
import { lowerRetries, retriesSchema } from './retries.ts';

const redirectSchema = object(
  {
    uri: optional(string(), 'Path of the new location.'),
    authority: optional(string(), 'Host of the new location.'),
    scheme: optional(oneOf(['http', 'https']), 'Scheme of the new location.'),
    port: optional(port, 'Port of the new location.'),
    derivePort: optional(oneOf(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT']), 'Where the port of the new location comes from.'),
    redirectCode: defaulted(int(300, 399), 301, 'Status: 301, 302, 303, 307 or 308.'),
    prefixRewrite: optional(string(), 'In place of the prefix that matched; what follows it stays.'),
  },
  [
    { kind: 'at-most-one', fields: ['port', 'derivePort'] },
    { kind: 'at-most-one', fields: ['uri', 'prefixRewrite'] },
  ],
);

const rewriteSchema = object(
  {
    uri: optional(string(), 'In place of the path, or of the prefix that matched.'),
    authority: optional(string(), 'In place of the Host header.'),
    uriRegexRewrite: optional(
      object({
        match: required(string({ format: 'regex' }), 'RE2 expression for the path.'),
        rewrite: required(string({ mayBeEmpty: true }), String.raw`Replacement, with \1 and so on for groups.`),
      }),
      'Replacement by a regular expression.',
    ),
  },
  [
    { kind: 'at-most-one', fields: ['uri', 'uriRegexRewrite'] },
    { kind: 'at-least-one', fields: ['uri', 'authority', 'uriRegexRewrite'] },
  ],
);

const directResponseSchema = object({
  status: required(int(200, 599), 'Status of the answer.'),
  body: optional(
    object(
      {
        string: optional(string({ mayBeEmpty: true }), 'Body as text.'),
        bytes: optional(bytes, 'Body in base64.'),
      },
      [{ kind: 'exactly-one', fields: ['string', 'bytes'] }],
    ),
    'Body of the answer.',
  ),
});

const mirrorSchema = object({
  destination: required(destinationSchema, 'Where copies go.'),
  percentage: optional(percentSchema, 'Share of requests that are copied; all where absent.'),
});

const delegateSchema = object({
  name: required(string({ format: 'name' }), 'Its name.'),
  namespace: optional(string({ format: 'dns-label' }), 'Its namespace; the same where absent.'),
});

/** One entry of `http`. */
export const httpRuleSchema = object(
  {
    name: defaulted(string({ mayBeEmpty: true }), '', 'Name, for logs and statistics.'),
    match: defaulted(list(httpMatchSchema), [], 'Any of them must hold; none: every request.'),
    route: optional(list(httpDestinationSchema, 1), 'Where requests go.'),
    redirect: optional(redirectSchema, 'Answer with another location.'),
    directResponse: optional(directResponseSchema, 'Answer without asking anyone.'),
    delegate: optional(delegateSchema, 'A VirtualService without hosts that holds the rules for these requests.'),
    rewrite: optional(rewriteSchema, 'Changes to path and host before the request is sent on.'),
    timeout: optional(duration(), 'Time for the whole request with its retries; none where absent or 0.'),
    retries: optional(retriesSchema, "What is retried and how often; Istio's default where absent."),
    fault: optional(faultSchema, 'Delays and errors that are put in on purpose.'),
    mirror: optional(destinationSchema, 'Where copies of requests go.'),
    mirrorPercentage: optional(percentSchema, 'Share of requests that are copied; all where absent.'),
    mirrorPercent: deprecated(int(0, 100), 'Share of requests that are copied.', 'write mirrorPercentage: { value: ... }'),
    mirror_percent: deprecated(int(0, 100), 'Share of requests that are copied.', 'write mirrorPercentage: { value: ... }'),
    mirrors: defaulted(list(mirrorSchema), [], 'Several places where copies of requests go.'),
    corsPolicy: optional(corsSchema, 'Which pages of other origins may call.'),
    headers: optional(headersSchema, 'Changes to headers.'),
  },
  [
    { kind: 'exactly-one', fields: ['route', 'redirect', 'directResponse', 'delegate'] },
    { kind: 'at-most-one', fields: ['redirect', 'rewrite'] },
    { kind: 'at-most-one', fields: ['mirror', 'mirrors'] },
  ],
);

type Written = Infer<typeof httpRuleSchema>;

const REDIRECT_CODES = [301, 302, 303, 307, 308];

function lowerRedirect(written: Infer<typeof redirectSchema>, lowering: Lowering): Redirect {
  const { uri, prefixRewrite, authority, scheme, derivePort, redirectCode: code } = written;
  if (!REDIRECT_CODES.includes(code))
    lowering.error('TUL013', written, 'redirectCode', `found ${code}, wants one of ${REDIRECT_CODES.join(', ')}`);
  const derived = derivePort === 'FROM_REQUEST_PORT' ? 'request-port' : 'protocol-default';
  return { uri, prefixRewrite, authority, scheme, port: derivePort === undefined ? written.port : derived, code };
}

function lowerAction(written: Written, lowering: Lowering): HttpAction {
  if (written.redirect !== undefined) return { kind: 'redirect', redirect: lowerRedirect(written.redirect, lowering) };
  if (written.directResponse !== undefined) {
    const { status, body } = written.directResponse;
    return { kind: 'direct-response', status, body: body?.bytes ?? new TextEncoder().encode(body?.string ?? '') };
  }
  return { kind: 'forward', destinations: lowerDestinations(written.route ?? [], lowering) };
}

function lowerRewrite(written: Infer<typeof rewriteSchema> | undefined): Rewrite | undefined {
  if (written === undefined) return undefined;
  const { uri, authority, uriRegexRewrite: regex } = written;
  return { uri, authority, uriRegex: regex === undefined ? undefined : { match: regex.match, rewrite: regex.rewrite } };
}

function lowerMirrors(written: Written, lowering: Lowering): HttpRule['mirrors'] {
  const older = written.mirrorPercent ?? written.mirror_percent ?? 100;
  const single = written.mirrorPercentage === undefined ? older : (written.mirrorPercentage.value ?? 0);
  if (written.mirror !== undefined) return [{ destination: lowerDestination(written.mirror, lowering), percent: single }];
  return written.mirrors.map(({ destination, percentage }) => ({
    destination: lowerDestination(destination, lowering),
    percent: percentage === undefined ? 100 : (percentage.value ?? 0),
  }));
}

/** The rule in the model. */
export function lowerHttpRule(written: Written, lowering: Lowering): HttpRule {
  return {
    name: written.name,
    matches: written.match.map((match) => lowerHttpMatch(match, lowering)),
    action: lowerAction(written, lowering),
    rewrite: lowerRewrite(written.rewrite),
    timeoutMs: written.timeout,
    retries: lowerRetries(written.retries, lowering),
    fault: lowerFault(written.fault, lowering),
    cors: lowerCors(written.corsPolicy),
    mirrors: lowerMirrors(written, lowering),
    headers: lowerHeaders(written.headers),
    origin: lowering.originOf(written),
  };
}
