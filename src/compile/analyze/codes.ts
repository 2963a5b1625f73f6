/**
 * What `tulle analyze` says, by code: Istio's own code where Istio has one for it, ours where it has none. Numbers of
 * ours go on from the compiler's (`../schema/codes.ts`); a code is never used again for something else.
 */
import type { Diagnostic } from '../../model/provenance.ts';
import type { DiagnosticCode } from '../schema/codes.ts';

export type Severity = Diagnostic['severity'];

/** A code's severity, what it means for traffic, and how it is mended. */
export interface CodeEntry {
  readonly severity: Severity;
  readonly name: string;
  readonly title: string;
  readonly mend: string;
}

export const analysisCodes = {
  IST0002: {
    severity: 'warning',
    name: 'Deprecated',
    title: 'A field is deprecated: it works now, and may not in a later version.',
    mend: 'Write the field that the message names.',
  },
  IST0101: {
    severity: 'error',
    name: 'ReferencedResourceNotFound',
    title: 'Something is named that does not exist: a host, port, subset, gateway or Secret. Traffic that needs it fails.',
    mend: 'Correct the name, or add what is missing.',
  },
  IST0106: {
    severity: 'error',
    name: 'SchemaValidationError',
    title: 'A resource is not valid: it is refused, and what it said before stays in force.',
    mend: 'Correct the field that the message names.',
  },
  IST0109: {
    severity: 'error',
    name: 'ConflictingMeshGatewayVirtualServiceHosts',
    title: 'Two resources route one host in the mesh: sidecars follow the older and pass over the other.',
    mend: 'Put the rules into one resource, or let namespaces see one of them only (exportTo).',
  },
  IST0110: {
    severity: 'error',
    name: 'ConflictingSidecarWorkloadSelectors',
    title: 'Two Sidecars select one workload: the oldest counts for it.',
    mend: 'Make the selectors exclude each other.',
  },
  IST0111: {
    severity: 'error',
    name: 'MultipleSidecarsWithoutWorkloadSelectors',
    title: 'A namespace has several Sidecars without selector: the oldest counts, the others do nothing.',
    mend: 'Keep one; give the others a workloadSelector.',
  },
  IST0112: {
    severity: 'error',
    name: 'VirtualServiceDestinationPortSelectorRequired',
    title: 'A destination has several ports, and none is the one that the client calls: requests are answered with 503.',
    mend: 'Name the port: destination: { host, port: { number } }.',
  },
  IST0116: {
    severity: 'warning',
    name: 'DeploymentAssociatedToMultipleServices',
    title: 'Two Services speak different protocols on one port of a workload: its proxy follows one of them.',
    mend: 'Name the port with the same protocol in both Services.',
  },
  IST0118: {
    severity: 'info',
    name: 'PortNameIsNotUnderNamingConvention',
    title: "A port's protocol is not declared: proxies guess it from the first bytes, which delays what the server begins.",
    mend: 'Set appProtocol, or name the port http-..., grpc-..., tcp-... and so on.',
  },
  IST0127: {
    severity: 'warning',
    name: 'NoMatchingWorkloadsFound',
    title: 'A selector matches no workload: the resource does nothing.',
    mend: "Compare the selector with the workloads' labels.",
  },
  IST0128: {
    severity: 'warning',
    name: 'NoServerCertificateVerificationDestinationLevel',
    title: 'The certificate of a host is not held to a name or a CA of its own: whoever has some public certificate can pose as it.',
    mend: 'Set subjectAltNames or caCertificates; take insecureSkipVerify out.',
  },
  IST0129: {
    severity: 'warning',
    name: 'NoServerCertificateVerificationPortLevel',
    title: 'As IST0128, for one port.',
    mend: 'Set subjectAltNames or caCertificates; take insecureSkipVerify out.',
  },
  IST0130: {
    severity: 'warning',
    name: 'VirtualServiceUnreachableRule',
    title: 'A rule is never reached: a rule above takes everything that it matches.',
    mend: 'Put the narrower rule first, or take it out.',
  },
  IST0131: {
    severity: 'info',
    name: 'VirtualServiceIneffectiveMatch',
    title: 'One match of a rule is never reached: a rule above takes everything that it matches.',
    mend: 'Take the match out, or put the rule first.',
  },
  IST0132: {
    severity: 'warning',
    name: 'VirtualServiceHostNotFoundInGateway',
    title: 'A gateway does not serve a host of a VirtualService: requests for it are answered with 404.',
    mend: "Add the host to the Gateway's servers, or take it out of the VirtualService.",
  },
  IST0133: {
    severity: 'warning',
    name: 'SchemaWarning',
    title: 'A resource is valid, and part of it has no effect.',
    mend: 'Correct or take out the field that the message names.',
  },
  IST0134: {
    severity: 'warning',
    name: 'ServiceEntryAddressesRequired',
    title: 'A TCP port of a ServiceEntry has no address of its own: all connections to the port number count as its.',
    mend: 'Give the ServiceEntry addresses, or a protocol with host names (HTTP, TLS).',
  },
  IST0137: {
    severity: 'warning',
    name: 'DeploymentConflictingPorts',
    title: 'Two Services lead to one port of a workload from different ports: inbound settings follow one of them.',
    mend: 'Use one Service, or the same port in both.',
  },
  IST0138: {
    severity: 'warning',
    name: 'GatewayDuplicateCertificate',
    title: 'Gateways of one workload share a certificate: browsers reuse an HTTP/2 connection for both hosts and get 404 for one.',
    mend: 'Use one Gateway for all hosts of the certificate, or a certificate each.',
  },
  IST0144: {
    severity: 'warning',
    name: 'InvalidApplicationUID',
    title: 'An application runs with the user id of the proxy (1337): its traffic bypasses the mesh.',
    mend: 'Choose another runAsUser.',
  },
  IST0145: {
    severity: 'error',
    name: 'ConflictingGateways',
    title: 'Two Gateways of one workload open a port for the same host: the older is followed.',
    mend: 'Put the hosts into one Gateway, or use different ones.',
  },
  IST0149: {
    severity: 'error',
    name: 'JwtClaimBasedRoutingWithoutRequestAuthN',
    title: 'A route matches claims of a token that nothing checks: it never matches.',
    mend: "Add a RequestAuthentication for the gateway's workload.",
  },
  IST0151: {
    severity: 'warning',
    name: 'EnvoyFilterUsesRelativeOperation',
    title: 'A patch stands relative to another filter, which must be there already: without a priority their order is chance.',
    mend: 'Set priority, or use INSERT_FIRST or ADD.',
  },
  IST0152: {
    severity: 'error',
    name: 'EnvoyFilterUsesReplaceOperationIncorrectly',
    title: 'REPLACE is for filters and VIRTUAL_HOST only: the patch does nothing.',
    mend: 'Use MERGE, or REMOVE and ADD.',
  },
  IST0153: {
    severity: 'error',
    name: 'EnvoyFilterUsesAddOperationIncorrectly',
    title: 'ADD does nothing with applyTo ROUTE_CONFIGURATION: proxies ask for route configurations that listeners name.',
    mend: 'Use MERGE, or ADD a VIRTUAL_HOST.',
  },
  IST0154: {
    severity: 'error',
    name: 'EnvoyFilterUsesRemoveOperationIncorrectly',
    title: 'REMOVE does nothing with applyTo ROUTE_CONFIGURATION or EXTENSION_CONFIG.',
    mend: 'REMOVE virtual hosts or routes; take out the filter that asks for the extension.',
  },
  IST0155: {
    severity: 'warning',
    name: 'EnvoyFilterUsesRelativeOperationWithProxyVersion',
    title: 'A relative patch for certain proxy versions: after an upgrade its order, or the patch itself, is gone.',
    mend: 'Set priority.',
  },
  IST0157: {
    severity: 'warning',
    name: 'InvalidTelemetryProvider',
    title:
      'A Telemetry names no provider where the mesh has no default one, or it or MeshConfig one that does not exist or takes something else: nothing is sent.',
    mend: 'Name an extensionProvider of MeshConfig that takes it.',
  },
  IST0159: {
    severity: 'error',
    name: 'ConflictingTelemetryWorkloadSelectors',
    title: 'Two Telemetry resources select one workload: both count, the younger before the older.',
    mend: 'Make the selectors exclude each other.',
  },
  IST0160: {
    severity: 'error',
    name: 'MultipleTelemetriesWithoutWorkloadSelectors',
    title: 'A namespace has several Telemetry resources without selector: the oldest counts.',
    mend: 'Put them into one.',
  },
  IST0161: {
    severity: 'error',
    name: 'InvalidGatewayCredential',
    title: 'The Secret of a gateway lacks certificate, key or CA: TLS handshakes fail.',
    mend: 'Give the Secret tls.crt and tls.key, and ca.crt for MUTUAL.',
  },
  IST0162: {
    severity: 'warning',
    name: 'GatewayPortNotDefinedOnService',
    title: "The Service of a gateway's workload does not have the Gateway's port: nobody gets there through the Service.",
    mend: 'Add the port to the Service.',
  },
  IST0173: {
    severity: 'error',
    name: 'DestinationRuleSubsetNotSelectPods',
    title: 'No endpoint of the host has the labels of a subset: what is routed to it is answered with 503.',
    mend: "Compare the subset's labels with the workloads'.",
  },
  IST0174: {
    severity: 'warning',
    name: 'UnknownDestinationRuleHost',
    title: 'No service has the host of a DestinationRule: the rule does nothing.',
    mend: 'Correct the host; a name without dots is one of the same namespace.',
  },
  IST0177: {
    severity: 'warning',
    name: 'ConflictingServiceEntryProtocol',
    title: 'ServiceEntries claim a host and port with different protocols: the older counts.',
    mend: 'Declare the port with the same protocol in both.',
  },
  TUL201: {
    severity: 'error',
    name: 'PlaintextToStrict',
    title: 'A DestinationRule turns mutual TLS off (or uses other TLS) to workloads that accept only mutual TLS: connections are refused.',
    mend: 'Take tls out of the DestinationRule, or write ISTIO_MUTUAL; or make the PeerAuthentication PERMISSIVE.',
  },
  TUL202: {
    severity: 'error',
    name: 'MutualToPlaintext',
    title: 'A DestinationRule asks for mutual TLS to workloads that take plain text only: connections are refused.',
    mend: 'Take tls out of the DestinationRule: mutual TLS is used wherever both sides have it.',
  },
  TUL203: {
    severity: 'warning',
    name: 'PolicyCallerNotFound',
    title: 'A policy names a caller that does not exist: nobody is matched by it.',
    mend: 'Write trust-domain/ns/namespace/sa/account of a workload that exists, without spiffe://.',
  },
  TUL204: {
    severity: 'warning',
    name: 'PolicyPortNotFound',
    title: 'A policy names a port that no workload it applies to has: no request is matched by it.',
    mend: "Write the workload's own port (the Service's targetPort), not the Service's.",
  },
  TUL205: {
    severity: 'warning',
    name: 'PolicyDeniesEverything',
    title: 'No rule of an ALLOW policy can ever match: unless another policy allows them, all requests are answered with 403.',
    mend: 'Correct the rules; to deny everything on purpose write spec: {}.',
  },
  TUL206: {
    severity: 'warning',
    name: 'PolicyValueNeverMatches',
    title: 'A host, method or path of a policy is written in a form that no request has.',
    mend: 'Paths begin with / and have no query; methods are upper-case; hosts have no scheme.',
  },
  TUL207: {
    severity: 'warning',
    name: 'PolicyHttpOnTcp',
    title:
      'A policy has conditions of HTTP for ports that are bytes: ALLOW never matches there, DENY matches all that the rest of its rule matches.',
    mend: 'Restrict the rule to HTTP ports, or declare the port as HTTP.',
  },
  TUL208: {
    severity: 'warning',
    name: 'TokenNotRequired',
    title: 'Tokens are checked where they are sent, and no policy asks for one: requests without token pass.',
    mend: 'Add an AuthorizationPolicy that allows requestPrincipals: ["*"], or denies notRequestPrincipals: ["*"].',
  },
  TUL209: {
    severity: 'warning',
    name: 'TokenNeverChecked',
    title: "A policy asks for a token's principal or claims where no RequestAuthentication checks tokens: no request has them.",
    mend: 'Add a RequestAuthentication for the same workloads.',
  },
  TUL210: {
    severity: 'warning',
    name: 'RetryNotIdempotent',
    title: 'Requests that change something are retried after the server may have done it: it may be done twice.',
    mend: 'Retry on connect-failure,refused-stream only, or give such methods a rule without retries.',
  },
  TUL211: {
    severity: 'info',
    name: 'RetryWithoutBudget',
    title: 'Retries have no budget of their own: while everything fails, each request is tried again, and load multiplies.',
    mend: "Set trafficPolicy.retryBudget in a DestinationRule: the default budget of Tulle's proxies is not for routes that say retries.",
  },
  TUL212: {
    severity: 'warning',
    name: 'TimeoutTooShortForRetries',
    title: 'The timeout of the whole request ends before retries can: they never happen, or not all of them.',
    mend: 'Make timeout at least (attempts + 1) times perTryTimeout.',
  },
  TUL213: {
    severity: 'warning',
    name: 'FaultBypassesRetries',
    title: 'An injected abort is answered before the request is sent: retries and timeouts of the rule do not act on it.',
    mend: "Inject the fault in another rule, or at the server's side, to test retries and timeouts.",
  },
  TUL214: {
    severity: 'info',
    name: 'WeightsAreNotPercent',
    title: 'Weights do not add up to 100: they count as shares of their sum.',
    mend: 'Make the weights add up to 100.',
  },
  TUL215: {
    severity: 'warning',
    name: 'WeightMissing',
    title: 'A destination beside others has no weight: it gets no traffic.',
    mend: 'Give it a weight.',
  },
  TUL216: {
    severity: 'warning',
    name: 'HostNotVisible',
    title: 'Those who see a route do not see what it leads to (exportTo): requests are answered with 503.',
    mend: 'Export the service to the same namespaces as the route.',
  },
  TUL217: {
    severity: 'info',
    name: 'SubsetUnused',
    title: 'No route leads to a subset: its labels and settings have no effect.',
    mend: 'Route to it, or take it out.',
  },
  TUL218: {
    severity: 'info',
    name: 'GatewayWithoutRoutes',
    title: 'No VirtualService is bound to a Gateway: every request is answered with 404.',
    mend: 'Name the Gateway in gateways of a VirtualService.',
  },
  TUL219: {
    severity: 'warning',
    name: 'HostMeansAnother',
    title: 'A host is read otherwise than it looks: short names are of the same namespace, and names with a dot are whole.',
    mend: 'Write the whole name: service.namespace.svc.cluster.local.',
  },
  TUL220: {
    severity: 'warning',
    name: 'MatchNeverHolds',
    title: 'A match of a route asks for what no request has: the rule is never taken for it.',
    mend: 'Correct the match.',
  },
  TUL221: {
    severity: 'warning',
    name: 'RegexMeansAnother',
    title: 'A regular expression matches other than it seems to: the whole value must match, and a dot is any character.',
    mend: String.raw`Add .* where the value may go on, write \. for a dot, or use exact or prefix.`,
  },
  TUL222: {
    severity: 'info',
    name: 'RegexIsCostly',
    title: 'A regular expression begins with .*: it is tried at every position of every request, and matches in places not thought of.',
    mend: 'Use prefix or exact, or begin with what the value begins with.',
  },
  TUL223: {
    severity: 'warning',
    name: 'PeerAuthenticationPortNotFound',
    title: 'portLevelMtls names a port that no selected workload has: it has no effect.',
    mend: "Write the workload's own port (the Service's targetPort), not the Service's.",
  },
  TUL224: {
    severity: 'info',
    name: 'OldApiVersion',
    title: 'An older version of the API is used; the fields are the same.',
    mend: 'Write the newest version.',
  },
  TUL225: {
    severity: 'warning',
    name: 'SidecarHostNotFound',
    title: 'An egress host of a Sidecar names nothing that its workloads could see: it shows, or hides, nothing.',
    mend: 'Correct namespace and name: namespace/service.namespace.svc.cluster.local, or namespace/* for all of a namespace.',
  },
  TUL226: {
    severity: 'warning',
    name: 'SidecarPortNotFound',
    title: 'An egress port of a Sidecar is no port of its hosts: it is not opened.',
    mend: 'Write the port that the Services have, or more hosts.',
  },
  TUL227: {
    severity: 'warning',
    name: 'SidecarHidesUpstream',
    title: 'A Workload names an upstream that its Sidecar hides: connections to the local port are refused.',
    mend: 'Add the host to the egress hosts of the Sidecar.',
  },
  TUL228: {
    severity: 'warning',
    name: 'SidecarEgressProxyUnseen',
    title: 'The egressProxy of a Sidecar is not among what its workloads see: calls of unknown hosts are answered with 503.',
    mend: 'Add the host to the egress hosts of the Sidecar.',
  },
  TUL231: {
    severity: 'warning',
    name: 'EnvoyFilterChangesNothing',
    title: 'A patch of an EnvoyFilter changes nothing of any proxy: what it matches is not there.',
    mend: 'Compare match with what a proxy has: tulle proxy-config listeners, routes or clusters.',
  },
  TUL232: {
    severity: 'error',
    name: 'EnvoyFilterRefusedByProxy',
    title: "A patch has what Tulle's proxy does not do: it refuses the listener, routes or cluster, and keeps what it had.",
    mend: 'Take the field out, or say in match.proxy which other Envoys are meant.',
  },
  TUL233: {
    severity: 'warning',
    name: 'ProviderNotAskedOnTcp',
    title: 'A CUSTOM policy has a provider that is asked by HTTP, for ports that are bytes: connections to them pass unasked.',
    mend: 'Name a provider of envoyExtAuthzGrpc, or forbid the ports to others with ALLOW or DENY; to leave them open, name the HTTP ports in the rule.',
  },
  TUL234: {
    severity: 'warning',
    name: 'DelegateUnused',
    title: "A VirtualService without hosts is nobody's delegate: its rules are for no request.",
    mend: 'Name it in delegate of a rule of another VirtualService, or give it hosts.',
  },
  TUL235: {
    severity: 'info',
    name: 'WorkloadEntryUnselected',
    title: 'No Service and no ServiceEntry selects a WorkloadEntry: it serves nothing.',
    mend: "Compare its labels with the selectors of its namespace's Services, and workloadSelector of its ServiceEntries.",
  },
  TUL236: {
    severity: 'warning',
    name: 'FailoverWithoutOutlierDetection',
    title: 'Failover between localities is written where nothing takes failing endpoints out: calls go to all localities alike.',
    mend: 'Add outlierDetection to the same trafficPolicy.',
  },
  TUL237: {
    severity: 'warning',
    name: 'PortSettingsUnused',
    title: 'portLevelSettings of a DestinationRule are for a port that its host does not have: they do nothing.',
    mend: "Write the Service's port, not the workload's.",
  },
  TUL238: {
    severity: 'error',
    name: 'PassthroughToVirtualAddress',
    title: 'Calls are to go to the address that was dialled, which is one that the mesh has made up: they reach nobody.',
    mend: 'Choose another balancer, or make the Service headless (clusterIP: None).',
  },
} as const satisfies Readonly<Record<`IST${number}` | `TUL${number}`, CodeEntry>>;

export type AnalysisCode = keyof typeof analysisCodes;

/** Every code that a finding may have: the analysers', and those of the compiler for which Istio has none. */
export type FindingCode = AnalysisCode | DiagnosticCode;

/** The entry of a code of the analysers. */
export function codeEntry(code: AnalysisCode): CodeEntry {
  return analysisCodes[code];
}
