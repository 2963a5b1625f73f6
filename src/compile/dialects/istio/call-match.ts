/** What rules of every protocol may ask of a call: its port, who calls, and through which gateways. */
import type { HttpMatch } from '../../../model/route.ts';
import { defaulted, list, optional, port, string } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { labelsSchema } from '../metadata.ts';
import { resolveGateways } from './gateway-reference.ts';

/** The fields, for the schema of a match. */
export const callMatchFields = {
  port: optional(port, 'Port that the client called.'),
  sourceLabels: defaulted(labelsSchema, {}, 'Labels of the calling workload.'),
  sourceNamespace: optional(string({ format: 'dns-label' }), 'Namespace of the calling workload.'),
  gateways: defaulted(
    list(string({ format: 'gateway-reference' })),
    [],
    'Gateways that the rule holds for, in place of those of the VirtualService.',
  ),
};

type CallMatch = Pick<HttpMatch, 'port' | 'sourceLabels' | 'sourceNamespace' | 'gateways'>;

/** What was written in them, in the model. */
export function lowerCallMatch(written: CallMatch, { namespace }: Lowering): CallMatch {
  const { port: called, sourceLabels, sourceNamespace, gateways } = written;
  return { port: called, sourceLabels, sourceNamespace, gateways: resolveGateways(gateways, namespace) };
}
