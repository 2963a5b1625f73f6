import { defaulted, map, object, oneOf, optional, required, type Infer } from '../../schema/schema.ts';
import { defineDialect } from '../dialect.ts';
import { SECURITY } from './api-versions.ts';
import { lowerSelector, selectorField } from './selector.ts';

const mtlsSchema = object({
  mode: defaulted(
    oneOf(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']),
    'UNSET',
    'STRICT takes mutual TLS only, PERMISSIVE also plain text, DISABLE plain text only; UNSET inherits.',
  ),
});

const specSchema = object({
  selector: selectorField,
  mtls: optional(mtlsSchema, 'What the workloads accept.'),
  portLevelMtls: defaulted(map(mtlsSchema, 'port-number'), {}, "What single ports accept, by the workload's own port."),
});

type Spec = Infer<typeof specSchema>;

/** Istio PeerAuthentication: what workloads accept. */
export const peerAuthentication = defineDialect({
  kind: 'PeerAuthentication',
  apiVersions: SECURITY,
  description: 'Whether workloads accept plain text, mutual TLS or both.',
  fields: { spec: required(specSchema, 'Workloads and mode.') },
  lower({ spec }: { readonly spec: Spec }, lowering) {
    const { name, namespace, createdAt, origin } = lowering;
    const selector = lowerSelector(spec.selector);
    const ports = new Map(Object.entries(spec.portLevelMtls).map(([number, { mode }]) => [Number(number), mode]));
    if (ports.size > 0 && selector === undefined) {
      lowering.error('TUL015', spec, 'portLevelMtls', 'portLevelMtls needs a selector: ports are those of single workloads');
    }
    return {
      kind: 'peer-authentication',
      value: { name, namespace, selector, mode: spec.mtls?.mode ?? 'UNSET', ports, createdAt, origin },
    };
  },
});
