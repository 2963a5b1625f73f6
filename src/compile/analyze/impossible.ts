/** Why conditions of an AuthorizationPolicy can never hold. */
import type {
  AuthorizationCondition,
  AuthorizationOperation,
  AuthorizationPolicy,
  AuthorizationRule,
  AuthorizationSource,
} from '../../model/security.ts';
import type { World } from './world.ts';

/** A value that nothing has. */
export interface Impossible {
  /** Below the rule: `from[0].source.principals[1]`. */
  readonly field: string;
  readonly reason: string;
}

/** True where a value of a policy (`prefix*`, `*suffix`, `*`, exact) takes `text`. */
function takes(value: string, text: string): boolean {
  if (value === '*') return true;
  if (value.startsWith('*')) return text.endsWith(value.slice(1));
  return value.endsWith('*') ? text.startsWith(value.slice(0, -1)) : text === value;
}

/** Name by which policies call the mesh's own trust domain, whatever it is. */
const OWN_TRUST_DOMAIN = 'cluster.local';

function principalProblem(value: string, world: World): string | undefined {
  const { trustDomain, trustDomainAliases } = world.mesh.settings;
  const domains = [trustDomain, OWN_TRUST_DOMAIN, ...trustDomainAliases];
  if (value.startsWith('spiffe://')) return `principals are written without spiffe://: "${value}" is nobody's`;
  const identities = [...world.accounts].map((account) => account.split('/'));
  const names = domains.flatMap((domain) => identities.map(([namespace, account]) => `${domain}/ns/${namespace}/sa/${account}`));
  if (names.some((name) => takes(value, name))) return undefined;
  const [domain = ''] = value.split('/', 1);
  const parts = value.split('/');
  if (!value.includes('*') && (parts.length !== 5 || parts[1] !== 'ns' || parts[3] !== 'sa')) {
    return `"${value}" has not the form trust-domain/ns/namespace/sa/account: it is nobody's`;
  }
  if (!domain.includes('*') && !domains.includes(domain)) {
    return `the mesh's trust domain is "${trustDomain}": nobody in it is "${value}"`;
  }
  return `nothing runs as "${value}"`;
}

function accountProblem(value: string, { accounts }: World): string | undefined {
  return [...accounts].some((account) => takes(value, account)) ? undefined : `nothing runs as service account "${value}"`;
}

function namespaceProblem(value: string, { namespaces }: World): string | undefined {
  return [...namespaces].some((name) => takes(value, name)) ? undefined : `there is no namespace "${value}"`;
}

function problems(values: readonly string[], field: string, problemOf: (value: string) => string | undefined): readonly Impossible[] {
  return values.flatMap((value, index) => {
    const reason = problemOf(value);
    return reason === undefined ? [] : [{ field: `${field}[${index}]`, reason }];
  });
}

/** Callers of a source that do not exist, by list. */
export function unknownCallers(source: AuthorizationSource, world: World): readonly (readonly Impossible[])[] {
  return [
    problems(source.principals.values, 'principals', (value) => principalProblem(value, world)),
    problems(source.serviceAccounts.values, 'serviceAccounts', (value) => accountProblem(value, world)),
    problems(source.namespaces.values, 'namespaces', (value) => namespaceProblem(value, world)),
  ];
}

function pathProblem(path: string): string | undefined {
  if (!/^[/*{]/.test(path)) return `the path "${path}" does not begin with /, and every path does`;
  if (/[?#]/.test(path)) return `the path "${path}" has a query or fragment, which are no part of the path that policies see`;
  return path.includes('//') && !path.startsWith('*')
    ? `the path "${path}" has //, which proxies may merge into / before policies see it`
    : undefined;
}

function methodProblem(method: string): string | undefined {
  return method === method.toUpperCase() ? undefined : `the method "${method}" is not in upper case, and methods are compared as they are`;
}

function hostProblem(host: string): string | undefined {
  return /:\/\/|\//.test(host) ? `the host "${host}" has a scheme or path: a Host header has neither` : undefined;
}

/** Values of an operation that no request has, by list. */
export function unusableValues(operation: AuthorizationOperation): readonly (readonly Impossible[])[] {
  return [
    problems(operation.paths.values, 'paths', pathProblem),
    problems(operation.methods.values, 'methods', methodProblem),
    problems(operation.hosts.values, 'hosts', hostProblem),
  ];
}

/** Ports of an operation that no workload of the policy has; none where their ports are not all known. */
export function unknownPorts({ ports }: AuthorizationOperation, policy: AuthorizationPolicy, world: World): readonly Impossible[] {
  const targets = world.targetsOf(policy.namespace, policy.selector);
  if (targets.length === 0 || targets.some(({ isGateway, known }) => isGateway || known.size === 0)) return [];
  const numbers = new Set(targets.flatMap(({ known }) => [...known.keys()]));
  return problems(ports.values, 'ports', (port) => {
    const has = [...numbers].toSorted((a, b) => a - b).join(', ');
    return numbers.has(Number(port)) ? undefined : `no workload that the policy is for has port ${port} (they have ${has})`;
  });
}

/** True where every value of a list that has some is impossible. */
function isEmpty(values: readonly string[], found: readonly Impossible[]): boolean {
  return values.length > 0 && found.length === values.length;
}

function isSourceImpossible(source: AuthorizationSource, world: World): boolean {
  const [principals = [], accounts = [], namespaces = []] = unknownCallers(source, world);
  const { principals: own, serviceAccounts, namespaces: within } = source;
  return isEmpty(own.values, principals) || isEmpty(serviceAccounts.values, accounts) || isEmpty(within.values, namespaces);
}

function isOperationImpossible(operation: AuthorizationOperation, policy: AuthorizationPolicy, world: World): boolean {
  const [paths = [], methods = [], hosts = []] = unusableValues(operation);
  return (
    isEmpty(operation.paths.values, paths) ||
    isEmpty(operation.methods.values, methods) ||
    isEmpty(operation.hosts.values, hosts) ||
    isEmpty(operation.ports.values, unknownPorts(operation, policy, world))
  );
}

/** Conditions whose values exclude themselves. */
function isContradiction({ values, notValues }: AuthorizationCondition): boolean {
  return values.length > 0 && values.every((value) => notValues.includes(value) || notValues.includes('*'));
}

/** True where no request can ever match the rule. */
export function isImpossible({ from, to, when }: AuthorizationRule, policy: AuthorizationPolicy, world: World): boolean {
  return (
    (from.length > 0 && from.every((source) => isSourceImpossible(source, world))) ||
    (to.length > 0 && to.every((operation) => isOperationImpossible(operation, policy, world))) ||
    when.some(isContradiction)
  );
}
