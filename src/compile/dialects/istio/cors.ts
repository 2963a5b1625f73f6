import type { CorsPolicy } from '../../../model/route.ts';
import { bool, defaulted, deprecated, duration, list, object, oneOf, optional, string, type Infer } from '../../schema/schema.ts';
import { lowerStringMatch, stringMatchSchema } from './string-match.ts';

const headerNames = list(string({ format: 'header-name' }));

/** Which pages of other origins may call. */
export const corsSchema = object({
  allowOrigins: defaulted(list(stringMatchSchema), [], 'Origins that may call.'),
  allowOrigin: deprecated(list(string()), 'Origins that may call, whole.', 'write allowOrigins with exact:'),
  allowMethods: defaulted(list(string()), [], 'Methods that they may use.'),
  allowHeaders: defaulted(headerNames, [], 'Request headers that they may send.'),
  exposeHeaders: defaulted(headerNames, [], 'Response headers that they may read.'),
  maxAge: optional(duration(), 'How long browsers remember the answer.'),
  allowCredentials: optional(bool, 'Whether cookies and the like may be sent.'),
  unmatchedPreflights: optional(oneOf(['UNSPECIFIED', 'FORWARD', 'IGNORE']), 'What happens to preflights of other origins.'),
});

/** The policy in the model. */
export function lowerCors(written: Infer<typeof corsSchema> | undefined): CorsPolicy | undefined {
  if (written === undefined) return undefined;
  const older = (written.allowOrigin ?? []).map((value) => ({ kind: 'exact', value }) as const);
  const forward = { UNSPECIFIED: undefined, FORWARD: true, IGNORE: false }[written.unmatchedPreflights ?? 'UNSPECIFIED'];
  return {
    allowOrigins: written.allowOrigins.length > 0 ? written.allowOrigins.map(lowerStringMatch) : older,
    allowMethods: written.allowMethods,
    allowHeaders: written.allowHeaders,
    exposeHeaders: written.exposeHeaders,
    maxAgeMs: written.maxAge,
    allowCredentials: written.allowCredentials,
    forwardUnmatchedPreflights: forward,
  };
}
