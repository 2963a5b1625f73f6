import type { Destination, WeightedDestination } from '../../../model/route.ts';
import { int, object, optional, port, required, string, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { headersSchema, lowerHeaders } from './headers.ts';

/** A port by number, the way Istio writes it. */
export const portSelectorSchema = object({ number: required(port, 'Port number of the service.') });

/** A service, and where given one of its subsets and ports. */
export const destinationSchema = object({
  host: required(string({ format: 'exact-host' }), 'Service; a name without dots is one of the same namespace.'),
  subset: optional(string({ format: 'label-value' }), 'Subset that a DestinationRule of the host defines.'),
  port: optional(portSelectorSchema, "Port of the service; needed only where it has several and the caller's is not meant."),
});

/** A share of a TCP or TLS route. */
export const weightedDestinationSchema = object({
  destination: required(destinationSchema, 'Where it goes.'),
  weight: optional(int(0, 2 ** 31 - 1), 'Share of the sum of all weights.'),
});

/** A share of an HTTP route. */
export const httpDestinationSchema = object({
  ...weightedDestinationSchema.fields,
  headers: optional(headersSchema, 'Changes to headers where this destination is chosen.'),
});

/** The destination in the model. */
export function lowerDestination(written: Infer<typeof destinationSchema>, lowering: Lowering): Destination {
  return { host: lowering.resolveHost(written.host), subset: written.subset, port: written.port?.number };
}

interface Written extends Infer<typeof weightedDestinationSchema> {
  readonly headers?: Infer<typeof headersSchema> | undefined;
}

/** The shares in the model. A single destination gets everything, whatever its weight. */
export function lowerDestinations(written: readonly Written[], lowering: Lowering): readonly WeightedDestination[] {
  const isSingle = written.length === 1;
  const lowered = written.map((item) => ({
    destination: lowerDestination(item.destination, lowering),
    weight: isSingle ? 100 : (item.weight ?? 0),
    headers: lowerHeaders(item.headers),
    origin: lowering.originOf(item),
  }));
  const [first] = written;
  if (first !== undefined && lowered.every(({ weight }) => weight === 0)) {
    lowering.error('TUL021', first, 'weight', 'all weights of the route are 0: give at least one a share');
  }
  return lowered;
}
