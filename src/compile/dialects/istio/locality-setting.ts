import type { LocalityPreference } from '../../../model/traffic-policy.ts';
import { defaulted, int, list, map, object, optional, required, string, bool, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

const distributeSchema = object({
  from: required(string(), 'Locality of clients, region/zone/subzone; * stands for what follows.'),
  to: required(map(int(0, 100)), 'Percent for each locality of endpoints; those that are not named get nothing.'),
});

const failoverSchema = object({
  from: required(string(), 'Region of clients.'),
  to: required(string(), 'Region that takes over where the own one fails.'),
});

/** Which endpoints are preferred by their locality or labels. */
export const localitySettingSchema = object(
  {
    enabled: optional(bool, 'Whether localities count; true where absent.'),
    distribute: defaulted(list(distributeSchema), [], 'Shares of localities.'),
    failover: defaulted(list(failoverSchema), [], 'Regions that take over; counts with outlierDetection only.'),
    failoverPriority: defaulted(list(string()), [], 'Labels that nearer endpoints share with the client, as key or key=value.'),
  },
  [{ kind: 'at-most-one', fields: ['distribute', 'failover', 'failoverPriority'] }],
);

/** The preference in the model. */
export function lowerLocalitySetting(
  written: Infer<typeof localitySettingSchema> | undefined,
  lowering: Pick<Lowering, 'error'>,
): LocalityPreference | undefined {
  if (written === undefined) return undefined;
  for (const item of written.distribute) {
    const sum = Object.values(item.to).reduce((all, share) => all + share, 0);
    if (sum !== 100) lowering.error('TUL021', item, 'to', `the shares come to ${sum}, and should come to 100`);
  }
  for (const item of written.failover) {
    if (item.from === item.to) lowering.error('TUL021', item, 'to', `"${item.to}" cannot take over for itself`);
  }
  return {
    isEnabled: written.enabled ?? true,
    distribute: written.distribute.map(({ from, to }) => ({ from, to: Object.entries(to) })),
    failover: written.failover.map(({ from, to }) => ({ from, to })),
    failoverPriority: written.failoverPriority,
  };
}
