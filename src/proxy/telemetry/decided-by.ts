/**
 * Which resource decided about a request or connection, and where it is written: the dynamic metadata `tulle` that access
 * logs can name (`%DYNAMIC_METADATA(tulle:decided_by)%`). It is put together when a line is written, of what the filters of
 * policies have left, and of what our control plane says in listeners, routes and clusters.
 */
import type { JsonObject } from '@bufbuild/protobuf';
import type { StreamInfo } from '../http/stream-info.ts';
import { metadataAt } from './metadata-path.ts';

/** The namespace of the metadata, here and in what the control plane sends. */
export const DECISION_NAMESPACE = 'tulle';

const POLICY_NAME = /ns\[([^\]]*)\]-policy\[([^\]]*)\]/;
const CUSTOM = 'istio-ext-authz-';

interface Origin {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

function originIn(value: unknown, named: Partial<Origin> = {}): Origin | undefined {
  const text = (key: string): string => {
    const found = metadataAt(value, [key]);
    return typeof found === 'string' ? found : '';
  };
  const { kind = text('kind'), namespace = text('namespace'), name = text('name') } = named;
  return kind === '' ? undefined : { kind, namespace, name, file: text('file'), line: Number(metadataAt(value, ['line']) ?? 0) };
}

function described(origin: Origin | undefined): JsonObject | undefined {
  if (origin === undefined) return undefined;
  const { kind, namespace, name, file, line } = origin;
  const place = file === '' ? '' : ` ${file}:${line}`;
  return { ...origin, decided_by: `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}${place}` };
}

/** The policy of that name; `place` says where it is written. */
function policy(name: string, place: unknown): JsonObject | undefined {
  if (name === 'none') return { decided_by: 'no AuthorizationPolicy allows it' };
  const [, namespace, policyName] = POLICY_NAME.exec(name) ?? [];
  if (namespace === undefined || policyName === undefined) return { decided_by: `policy ${name}` };
  return described(originIn(place, { kind: 'AuthorizationPolicy', namespace, name: policyName }));
}

function keysOf(value: unknown): string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

/** The only one of several where all are of one resource. */
function onlyOf(all: readonly (JsonObject | undefined)[], what: string): JsonObject | undefined {
  const [first] = all;
  const isOne = all.every((each) => each?.['name'] === first?.['name'] && each?.['namespace'] === first?.['namespace']);
  return isOne ? first : { decided_by: `one of ${all.length} ${what}` };
}

function denial({ responseCodeDetails, metadata, connection }: StreamInfo): JsonObject | undefined {
  const left = metadata.get(DECISION_NAMESPACE);
  const name = metadataAt(left, ['policy']);
  if (typeof name === 'string') return policy(name, left);
  const own = connection.listenerMetadata?.[DECISION_NAMESPACE];
  const policies = metadataAt(own, ['policies']);
  if (responseCodeDetails.startsWith('jwt_authn_access_denied')) {
    const tokens = metadataAt(own, ['tokens']);
    const named = keysOf(tokens).map((key) => described(originIn(metadataAt(tokens, [key]), { kind: 'RequestAuthentication' })));
    return onlyOf(named, 'RequestAuthentications');
  }
  if (!responseCodeDetails.startsWith('ext_authz')) return undefined;
  const custom = keysOf(policies).filter((each) => each.startsWith(CUSTOM));
  return onlyOf(
    custom.map((each) => policy(each, metadataAt(policies, [each]))),
    'AuthorizationPolicies',
  );
}

/** What decided: the policy that denied, else the route that was taken, else what its cluster is of; and what filters have left. */
export function decisionOf(info: StreamInfo): object | undefined {
  const left = info.metadata.get(DECISION_NAMESPACE);
  const ofRoute = info.route?.metadata[DECISION_NAMESPACE];
  const ofCluster = info.cluster?.metadata[DECISION_NAMESPACE];
  const decided = denial(info) ?? described(originIn(ofRoute)) ?? described(originIn(ofCluster));
  return typeof left === 'object' && left !== null ? { ...decided, ...left } : decided;
}
