import { type LabelSelector, selects } from './match.ts';
import type { Provenance } from './provenance.ts';

/** Istio's modes of PeerAuthentication. */
export type MtlsMode = 'UNSET' | 'DISABLE' | 'PERMISSIVE' | 'STRICT';

/** What a workload accepts: a PeerAuthentication. */
export interface PeerAuthentication {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: the whole namespace, or the mesh in the root namespace. */
  readonly selector: LabelSelector | undefined;
  readonly mode: MtlsMode;
  /** By workload port. */
  readonly ports: ReadonlyMap<number, MtlsMode>;
  readonly createdAt: number;
  readonly origin: Provenance;
}

/** Values and their negation, each as written (`prefix*`, `*suffix`, `*`, exact); undefined: not given. */
export interface Values {
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** Who calls. */
export interface AuthorizationSource {
  readonly principals: Values;
  readonly requestPrincipals: Values;
  readonly namespaces: Values;
  readonly serviceAccounts: Values;
  readonly trustDomains: Values;
  readonly ipBlocks: Values;
  readonly remoteIpBlocks: Values;
}

/** What is called. */
export interface AuthorizationOperation {
  readonly hosts: Values;
  readonly ports: Values;
  readonly methods: Values;
  readonly paths: Values;
}

/** A key of `when`, with its values. */
export interface AuthorizationCondition extends Values {
  readonly key: string;
  readonly origin: Provenance;
}

/** Whom and what a policy takes. */
export interface AuthorizationRule {
  /** Any of them; empty: any source. */
  readonly from: readonly AuthorizationSource[];
  /** Any of them; empty: any operation. */
  readonly to: readonly AuthorizationOperation[];
  /** All of them. */
  readonly when: readonly AuthorizationCondition[];
  readonly origin: Provenance;
}

/** Which workloads a policy is for: of its namespace, or of all where it is in the root namespace. */
export interface PolicyTarget {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: all. */
  readonly selector: LabelSelector | undefined;
  /** Gateways of its namespace by the names that their proxies are labelled with; undefined: it is not by reference. */
  readonly gateways: readonly string[] | undefined;
}

/** The label by which a proxy says which Gateway of the Gateway API it belongs to. */
const GATEWAY_LABEL = 'gateway.networking.k8s.io/gateway-name';

/** True where `policy` is for a workload: references reach gateways only, selectors whatever has the labels. */
export function isFor(
  policy: PolicyTarget,
  rootNamespace: string,
  workload: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
): boolean {
  const { namespace, selector, gateways } = policy;
  if (gateways === undefined) {
    return (namespace === rootNamespace || namespace === workload.namespace) && selects(selector ?? {}, workload.labels);
  }
  return namespace === workload.namespace && gateways.includes(workload.labels[GATEWAY_LABEL] ?? '');
}

/** Where a token may be: a header's value behind `prefix`. */
interface TokenHeader {
  readonly name: string;
  readonly prefix: string;
}

/** One issuer's tokens. */
export interface TokenRule {
  /** '' takes tokens of any. */
  readonly issuer: string;
  /** Any of them; empty: any audience. */
  readonly audiences: readonly string[];
  /** '' leaves it to the issuer's discovery document. */
  readonly jwksUri: string;
  /** The keys themselves; '' where they are fetched. */
  readonly jwks: string;
  readonly fromHeaders: readonly TokenHeader[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  /** '' for none. */
  readonly outputPayloadToHeader: string;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly forwardsToken: boolean;
  /** How long the keys are waited for. */
  readonly timeoutMs: number;
  readonly spaceDelimitedClaims: readonly string[];
  readonly origin: Provenance;
}

/** Whose tokens are checked: a RequestAuthentication. */
export interface RequestAuthentication extends PolicyTarget {
  readonly rules: readonly TokenRule[];
  readonly createdAt: number;
  readonly origin: Provenance;
}

/** Who may call what: an AuthorizationPolicy. */
export interface AuthorizationPolicy extends PolicyTarget {
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
  /** Who decides, by its name in MeshConfig, for CUSTOM; else ''. */
  readonly provider: string;
  /** Decided and reported, not enforced (annotation `istio.io/dry-run`). */
  readonly isDryRun: boolean;
  readonly rules: readonly AuthorizationRule[];
  readonly createdAt: number;
  readonly origin: Provenance;
}
