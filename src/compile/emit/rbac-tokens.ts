/** What a checked token says about a request, as principals: claims stand in the metadata that `jwt_authn` leaves. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { StringMatch } from '../../model/match.ts';
import type { Values } from '../../model/security.ts';
import type { Principal } from '../../xds/gen/envoy/config/rbac/v3/rbac_pb.ts';
import {
  type MetadataMatcher,
  type MetadataMatcher_PathSegment,
  MetadataMatcher_PathSegmentSchema,
  MetadataMatcherSchema,
} from '../../xds/gen/envoy/type/matcher/v3/metadata_pb.ts';
import { type ValueMatcher, ValueMatcherSchema } from '../../xds/gen/envoy/type/matcher/v3/value_pb.ts';
import { allPrincipals, principal, principalsOf, valueMatch } from './rbac-values.ts';
import { JWT_AUTHN, PAYLOAD } from './request-authentication.ts';
import { stringMatcher } from './string-match.ts';

function valueMatcher(matchPattern: MessageInitShape<typeof ValueMatcherSchema>['matchPattern']): ValueMatcher {
  return create(ValueMatcherSchema, matchPattern === undefined ? {} : { matchPattern });
}

/** A text that matches. */
export function textMatcher(match: StringMatch): ValueMatcher {
  return valueMatcher({ case: 'stringMatch', value: stringMatcher(match) });
}

/** A list of which one item matches. */
export function listMatcher(match: StringMatch): ValueMatcher {
  return valueMatcher({ case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: textMatcher(match) } } });
}

function keySegment(value: string): MetadataMatcher_PathSegment {
  return create(MetadataMatcher_PathSegmentSchema, { segment: { case: 'key', value } });
}

/** Metadata that filter `filter` left at `path`. */
export function metadataMatcher(filter: string, path: readonly string[], value: ValueMatcher): MetadataMatcher {
  return create(MetadataMatcherSchema, { filter, path: path.map(keySegment), value });
}

function byClaim(path: readonly string[], value: ValueMatcher): Principal {
  return principal({ case: 'metadata', value: metadataMatcher(JWT_AUTHN, [PAYLOAD, ...path], value) });
}

/** A claim of the token, from the outermost object on, that is a text or a list of texts. */
export function tokenMatcher(claims: readonly string[], match: StringMatch): MetadataMatcher {
  const value = valueMatcher({ case: 'orMatch', value: { valueMatchers: [listMatcher(match), textMatcher(match)] } });
  return metadataMatcher(JWT_AUTHN, [PAYLOAD, ...claims], value);
}

const ANY: StringMatch = { kind: 'regex', value: '.+' };

/** Issuer and subject that `issuer/subject` asks for, the subject behind the last slash; a star stands for the rest of both. */
function issuerAndSubject(value: string): readonly [issuer: StringMatch, subject: StringMatch] {
  const slash = value.lastIndexOf('/');
  if (slash === -1) {
    if (value === '*') return [ANY, ANY];
    if (value.startsWith('*')) return [ANY, { kind: 'suffix', value: value.slice(1) }];
    if (value.endsWith('*')) return [{ kind: 'prefix', value: value.slice(0, -1) }, ANY];
    return [
      { kind: 'exact', value },
      { kind: 'exact', value: '' },
    ];
  }
  const [issuer, subject] = [value.slice(0, slash), value.slice(slash + 1)];
  if (value.startsWith('*')) return [issuer === '*' ? ANY : { kind: 'suffix', value: issuer.slice(1) }, { kind: 'exact', value: subject }];
  return [
    { kind: 'exact', value: issuer },
    value.endsWith('*') ? (subject === '*' ? ANY : { kind: 'prefix', value: subject.slice(0, -1) }) : { kind: 'exact', value: subject },
  ];
}

/** Requests whose token is of one of the issuers and subjects. */
export function byRequestPrincipal(values: Values): Principal[] {
  return principalsOf(values, (value) => {
    const [issuer, subject] = issuerAndSubject(value);
    return allPrincipals([byClaim(['iss'], textMatcher(issuer)), byClaim(['sub'], textMatcher(subject))]);
  });
}

const CLAIM = /\[([^[\]]+)\]/g;

/** The claims that a condition's key names, from the outermost: `request.auth.claims[a][b]`. */
function claimPath(key: string): readonly string[] {
  if (key === 'request.auth.audiences') return ['aud'];
  if (key === 'request.auth.presenter') return ['azp'];
  return [...key.matchAll(CLAIM)].map(([, name = '']) => name);
}

/** Requests whose token meets a condition on `request.auth.…`. */
export function byTokenCondition(key: string, values: Values): Principal[] {
  if (key === 'request.auth.principal') return byRequestPrincipal(values);
  return principalsOf(values, (value) => principal({ case: 'metadata', value: tokenMatcher(claimPath(key), valueMatch(value)) }));
}
