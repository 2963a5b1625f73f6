/** What a rule asks of a request's tokens: providers, and their combinations. Source: Envoy, JwtRequirement. */
import { ConfigError } from '../../../../core/errors.ts';
import type { JwtRequirement } from '../../../../xds/gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts';
import { authenticate, type Authenticator, type LiveProvider, type Verification } from './authenticator.ts';
import { createExtractor } from './extract.ts';
import { audienceSet } from './provider.ts';
import { type JwtStatus, OK, STATUS } from './status.ts';

type Done = (status: JwtStatus) => void;

/** Verifies a request; calls `done` once, now or later. */
export type Verifier = (verification: Verification, done: Done) => void;

/** What verifiers are made of. */
export interface VerifierScope {
  readonly providers: ReadonlyMap<string, LiveProvider>;
  readonly common: Pick<Authenticator, 'byIssuer' | 'nowMs' | 'cacheHits' | 'cacheMisses'>;
}

const ALLOW_ALL: Verifier = (_verification, done) => done(OK);

/** Names of providers that the configuration asks for, checked when it is read. */
export function checkRequirement(requirement: JwtRequirement, names: ReadonlySet<string>, path: string): void {
  const { requiresType: type } = requirement;
  const check = (name: string): void => {
    if (!names.has(name)) throw new ConfigError(path, `required provider ['${name}'] is not configured`);
  };
  if (type.case === 'providerName') check(type.value);
  else if (type.case === 'providerAndAudiences') check(type.value.providerName);
  else if (type.case === 'requiresAny' || type.case === 'requiresAll') {
    if (type.value.requirements.length < 2) throw new ConfigError(`${path}.requirements`, 'needs at least two');
    type.value.requirements.forEach((each, i) => checkRequirement(each, names, `${path}.requirements[${i}]`));
  }
}

function ofProvider(name: string, audiences: readonly string[], { providers, common }: VerifierScope): Verifier {
  const live = providers.get(name);
  if (live === undefined) return ALLOW_ALL;
  const authenticator: Authenticator = {
    ...common,
    live,
    audiences: audiences.length === 0 ? undefined : audienceSet(audiences),
    allowsFailed: false,
    allowsMissing: false,
  };
  const extract = createExtractor([live.provider.message]);
  return (verification, done) => authenticate(authenticator, extract(verification.stream.request), verification, done);
}

/** Tokens of the named providers (none: of all) may be missing, or even wrong. */
function lenient(names: readonly string[], allowsFailed: boolean, { providers, common }: VerifierScope): Verifier {
  const chosen = [...providers].filter(([name]) => names.length === 0 || names.includes(name)).map(([, live]) => live.provider.message);
  const authenticator: Authenticator = { ...common, live: undefined, audiences: undefined, allowsFailed, allowsMissing: true };
  const extract = createExtractor(chosen);
  return (verification, done) => authenticate(authenticator, extract(verification.stream.request), verification, done);
}

/** One after the other until one holds. */
function anyOf(verifiers: readonly Verifier[]): Verifier {
  return (verification, done) => {
    let reason: JwtStatus = STATUS.missing;
    const tryNext = (i: number): void => {
      const verifier = verifiers[i];
      if (verifier === undefined) return done(reason);
      verifier(verification, (status) => {
        if (status === OK) return done(OK);
        reason = moreTelling(reason, status);
        tryNext(i + 1);
      });
    };
    tryNext(0);
  };
}

/** Which of two reasons to say: that tokens are missing, or are others' business, says less than what is wrong with one. */
function moreTelling(before: JwtStatus, status: JwtStatus): JwtStatus {
  const weigh = (each: JwtStatus): number => (each === STATUS.missing ? 0 : each === STATUS.unknownIssuer ? 1 : 2);
  return weigh(status) >= weigh(before) ? status : before;
}

function allOf(verifiers: readonly Verifier[]): Verifier {
  return (verification, done) => {
    const tryNext = (i: number): void => {
      const verifier = verifiers[i];
      if (verifier === undefined) return done(OK);
      verifier(verification, (status) => (status === OK ? tryNext(i + 1) : done(status)));
    };
    tryNext(0);
  };
}

function isLenient({ requiresType }: JwtRequirement): boolean {
  return requiresType.case === 'allowMissing' || requiresType.case === 'allowMissingOrFailed';
}

function providerNames(requirements: readonly JwtRequirement[]): string[] {
  return requirements.flatMap(({ requiresType: type }) => {
    if (type.case === 'providerName') return [type.value];
    return type.case === 'providerAndAudiences' ? [type.value.providerName] : [];
  });
}

/** Of several that allow missing tokens the most lenient counts, and it comes last. */
function anyVerifier(requirements: readonly JwtRequirement[], scope: VerifierScope): Verifier {
  const verifiers = requirements.filter((each) => !isLenient(each)).map((each) => createVerifier(each, scope));
  const lenients = requirements.filter(isLenient);
  if (lenients.length > 0) {
    const allowsFailed = lenients.some(({ requiresType }) => requiresType.case === 'allowMissingOrFailed');
    verifiers.push(lenient(providerNames(requirements), allowsFailed, scope));
  }
  return anyOf(verifiers);
}

/** Prepares a requirement that `checkRequirement` has passed. */
export function createVerifier({ requiresType: type }: JwtRequirement, scope: VerifierScope): Verifier {
  switch (type.case) {
    case 'providerName':
      return ofProvider(type.value, [], scope);
    case 'providerAndAudiences':
      return ofProvider(type.value.providerName, type.value.audiences, scope);
    case 'requiresAny':
      return anyVerifier(type.value.requirements, scope);
    case 'requiresAll':
      return allOf(type.value.requirements.map((each) => createVerifier(each, scope)));
    case 'allowMissing':
      return lenient([], false, scope);
    case 'allowMissingOrFailed':
      return lenient([], true, scope);
    case undefined:
      return ALLOW_ALL;
  }
}
