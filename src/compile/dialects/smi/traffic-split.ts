/**
 * SMI TrafficSplit (https://github.com/servicemeshinterface/smi-spec): callers of a root service are spread over
 * backend services by weight. Holds for sidecars; a gateway's routes are a VirtualService's. Two things go beyond the
 * specification: the root may be one of its own backends, which gets its whole share without being split again, and a
 * backend with a single port that differs from the root's is called on that one, where SMI leaves it out.
 */
import { type HttpRule, PLAIN_RULE, type WeightedDestination } from '../../../model/route.ts';
import { PLACE, type Located } from '../../schema/located.ts';
import { defaulted, int, intOrString, list, object, oneOf, optional, required, string, type Infer } from '../../schema/schema.ts';
import { defineDialect, type Lowering } from '../dialect.ts';
import type { Part } from '../part.ts';
import { parseThousandths } from './quantity.ts';

const service = required(string({ format: 'exact-host' }), 'Service that callers name; a name without dots is one of the same namespace.');
const backend = required(string({ format: 'exact-host' }), 'Service that gets a share.');

const quantitySpecSchema = object({
  service,
  backends: required(
    list(object({ service: backend, weight: required(intOrString, 'Share of the sum of all weights: 1, "0.5", 500m.') }), 1),
    'Services that share the calls.',
  ),
});

const backendsField = required(
  list(object({ service: backend, weight: required(int(0, 2 ** 31 - 1), 'Share of the sum of all weights.') }), 1),
  'Services that share the calls.',
);

const specSchema = object({ service, backends: backendsField });

const matchSchema = object({
  apiGroup: optional(oneOf(['specs.smi-spec.io']), 'Group of the kind.'),
  kind: required(oneOf(['HTTPRouteGroup'], { unsupported: { TCPRoute: 'connections are not matched' } }), 'What is named.'),
  name: required(string({ format: 'name' }), 'HTTPRouteGroup of the same namespace.'),
});

const matchingSpecSchema = object({
  ...specSchema.fields,
  matches: defaulted(list(matchSchema), [], 'Requests that are split; the others go to the root service. None: everything is split.'),
});

/** The most that Envoy takes as sum of the weights of a route. */
const MAX_WEIGHT_SUM = 2 ** 32 - 1;

interface Backend extends Located {
  readonly service: string;
  /** In thousandths. */
  readonly weight: number;
}

interface Split {
  readonly service: string;
  readonly backends: readonly Backend[];
  readonly matches: readonly Infer<typeof matchSchema>[];
}

function lowerBackends(backends: readonly Backend[], lowering: Lowering): readonly WeightedDestination[] {
  // Weights are relative, so that fractions may be counted in thousandths; whole ones stay as they were written.
  const unit = backends.every(({ weight }) => weight % 1_000 === 0) ? 1_000 : 1;
  const lowered = backends.map((item) => ({
    destination: { host: lowering.resolveHost(item.service), subset: undefined, port: undefined },
    weight: item.weight / unit,
    headers: undefined,
    origin: lowering.originOf(item),
  }));
  const [first] = backends;
  const sum = lowered.reduce((total, { weight }) => total + weight, 0);
  if (first !== undefined && sum === 0) {
    lowering.error('TUL021', first, 'weight', 'all weights of the split are 0: give at least one a share');
  } else if (first !== undefined && sum > MAX_WEIGHT_SUM) {
    lowering.error('TUL013', first, 'weight', `the weights of the split add up to ${sum}, wants at most ${MAX_WEIGHT_SUM}`);
  }
  return lowered;
}

function forward(destinations: readonly WeightedDestination[], owner: Located, lowering: Lowering): HttpRule {
  return { ...PLAIN_RULE, action: { kind: 'forward', destinations }, origin: lowering.originOf(owner) };
}

function lowerSplit(split: Split, owner: Located, lowering: Lowering): Part {
  const { name, namespace, createdAt, origin } = lowering;
  const root = lowering.resolveHost(split.service);
  const destinations = lowerBackends(split.backends, lowering);
  const whole = { destination: { host: root, subset: undefined, port: undefined }, weight: 1, headers: undefined };
  const isWhole = split.matches.length === 0;
  const rest = forward([{ ...whole, origin: lowering.originOf(owner) }], owner, lowering);
  const route = {
    name,
    namespace,
    hosts: [root],
    gateways: ['mesh'],
    exportTo: ['*'],
    http: [forward(destinations, owner, lowering), ...(isWhole ? [] : [rest])],
    tls: [],
    // Bytes have nothing that an HTTPRouteGroup could match.
    tcp: isWhole ? [{ matches: [], destinations, origin: lowering.originOf(owner) }] : [],
    createdAt,
    origin,
  };
  return {
    kind: 'split',
    value: { route, groups: split.matches.map((match) => ({ name: match.name, origin: lowering.originOf(match) })) },
  };
}

function inThousandths(item: Located & { readonly service: string; readonly weight: number | string }, lowering: Lowering): Backend {
  const weight = parseThousandths(String(item.weight));
  if (weight === undefined) {
    const message = `found "${item.weight}", wants a quantity such as 1, 0.5 or 500m: not negative, and no finer than 1m`;
    lowering.error('TUL013', item, 'weight', message);
  }
  return { [PLACE]: item[PLACE], service: item.service, weight: weight ?? 1_000 };
}

const KIND = 'TrafficSplit';
const DESCRIPTION = 'Spreads the calls of a service over others by weight.';
const SPEC = 'Service and shares.';

/** SMI TrafficSplit v1alpha1, whose weights are quantities. */
export const trafficSplitV1alpha1 = defineDialect({
  kind: KIND,
  apiVersions: ['split.smi-spec.io/v1alpha1'],
  description: DESCRIPTION,
  fields: { spec: required(quantitySpecSchema, SPEC) },
  lower({ spec }, lowering) {
    const backends = spec.backends.map((item) => inThousandths(item, lowering));
    return lowerSplit({ service: spec.service, backends, matches: [] }, spec, lowering);
  },
});

function ofWhole(spec: Infer<typeof specSchema>): readonly Backend[] {
  return spec.backends.map((item) => ({ ...item, weight: item.weight * 1_000 }));
}

/** SMI TrafficSplit v1alpha2, whose weights are whole numbers. */
export const trafficSplitV1alpha2 = defineDialect({
  kind: KIND,
  apiVersions: ['split.smi-spec.io/v1alpha2'],
  description: DESCRIPTION,
  fields: { spec: required(specSchema, SPEC) },
  lower: ({ spec }, lowering) => lowerSplit({ service: spec.service, backends: ofWhole(spec), matches: [] }, spec, lowering),
});

/** SMI TrafficSplit since v1alpha3, which may be for some requests only. */
export const trafficSplit = defineDialect({
  kind: KIND,
  apiVersions: ['split.smi-spec.io/v1alpha4', 'split.smi-spec.io/v1alpha3'],
  description: DESCRIPTION,
  fields: { spec: required(matchingSpecSchema, SPEC) },
  lower({ spec }, lowering) {
    return lowerSplit({ service: spec.service, backends: ofWhole(spec), matches: spec.matches }, spec, lowering);
  },
});
