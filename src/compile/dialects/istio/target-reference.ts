import type { PolicyTarget } from '../../../model/security.ts';
import type { Located } from '../../schema/located.ts';
import { defaulted, list, object, optional, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { lowerSelector, selectorField, type selectorSchema } from './selector.ts';

/** Something that a policy is for, by name. */
const targetReferenceSchema = object({
  group: defaulted(string({ mayBeEmpty: true }), '', 'Group of its kind, such as gateway.networking.k8s.io; empty for a Service.'),
  kind: required(string(), 'Its kind: Gateway, Service, ServiceEntry or GatewayClass.'),
  name: required(string({ format: 'name' }), 'Its name, in the namespace of the policy.'),
  namespace: unsupported('error', 'What a policy is for is of its own namespace.'),
});

type Reference = Infer<typeof targetReferenceSchema>;

/** The ways in which a policy says what it is for. */
export const targetFields = {
  selector: selectorField,
  targetRefs: defaulted(list(targetReferenceSchema), [], 'Gateways that it is for.'),
  targetRef: optional(targetReferenceSchema, 'Gateway that it is for.'),
};

/** A policy says it in one way only. */
export const TARGET_RULE = { kind: 'at-most-one', fields: ['selector', 'targetRefs', 'targetRef'] } as const;

const GATEWAY = 'gateway.networking.k8s.io/Gateway';

/** Kinds that only a waypoint stands before. */
const WAYPOINTS = ['/Service', 'core/Service', 'networking.istio.io/ServiceEntry', 'gateway.networking.k8s.io/GatewayClass'];

interface Targeted extends Located {
  readonly selector: Infer<typeof selectorSchema> | undefined;
  readonly targetRefs: readonly Reference[];
  readonly targetRef: Reference | undefined;
}

/** What a policy is for, in the model. */
export function lowerTarget(written: Targeted, lowering: Lowering): PolicyTarget {
  const { name, namespace } = lowering;
  const references = written.targetRef === undefined ? written.targetRefs : [written.targetRef];
  for (const reference of references) {
    const kind = `${reference.group}/${reference.kind}`;
    if (kind === GATEWAY) continue;
    if (WAYPOINTS.includes(kind)) {
      lowering.warning(
        'TUL020',
        reference,
        'kind',
        `what is for a ${reference.kind} is kept by waypoints, and there are none: no proxy obeys it`,
      );
    } else {
      const message = `found ${kind}, wants Gateway or GatewayClass of gateway.networking.k8s.io, Service, or ServiceEntry of networking.istio.io`;
      lowering.error('TUL014', reference, 'kind', message);
    }
  }
  const gateways = references.filter(({ group, kind }) => `${group}/${kind}` === GATEWAY).map((reference) => reference.name);
  return { name, namespace, selector: lowerSelector(written.selector), gateways: references.length === 0 ? undefined : gateways };
}
