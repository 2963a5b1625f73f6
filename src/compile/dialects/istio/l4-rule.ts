import type { L4Match, L4Rule } from '../../../model/route.ts';
import { PLACE } from '../../schema/located.ts';
import { defaulted, list, object, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { callMatchFields, lowerCallMatch } from './call-match.ts';
import { lowerDestinations, weightedDestinationSchema } from './destination.ts';

const common = {
  destinationSubnets: defaulted(list(string({ format: 'cidr' })), [], 'Addresses that the client called.'),
  ...callMatchFields,
};

const tlsMatchSchema = object({
  sniHosts: required(list(string({ format: 'host' }), 1), 'Server names of the ClientHello; hosts of the VirtualService.'),
  ...common,
});

const tcpMatchSchema = object({
  ...common,
  sourceSubnet: unsupported(
    'error',
    'Addresses of callers, which istiod passes over; an AuthorizationPolicy judges callers by ipBlocks, sourceLabels chooses among workloads.',
  ),
});

const route = required(list(weightedDestinationSchema, 1), 'Where connections go.');

/** One entry of `tls`: connections by server name, not decrypted. */
export const tlsRuleSchema = object({
  match: required(list(tlsMatchSchema, 1), 'Any of them must hold.'),
  route,
});

/** One entry of `tcp`. */
export const tcpRuleSchema = object({
  match: defaulted(list(tcpMatchSchema), [], 'Any of them must hold; none: every connection.'),
  route,
});

type WrittenMatch = Infer<typeof tcpMatchSchema> & { readonly sniHosts?: readonly string[] };

function lowerMatch(written: WrittenMatch, lowering: Lowering): L4Match {
  if (written[PLACE].fields.size === 0)
    lowering.error('TUL021', written, '', 'the match is empty: leave match out to match every connection');
  return {
    sniHosts: (written.sniHosts ?? []).map((host) => host.toLowerCase()),
    destinationSubnets: written.destinationSubnets,
    ...lowerCallMatch(written, lowering),
    origin: lowering.originOf(written),
  };
}

/** The rule in the model. */
export function lowerL4Rule(written: Infer<typeof tlsRuleSchema> | Infer<typeof tcpRuleSchema>, lowering: Lowering): L4Rule {
  return {
    matches: written.match.map((match) => lowerMatch(match, lowering)),
    destinations: lowerDestinations(written.route, lowering),
    origin: lowering.originOf(written),
  };
}
