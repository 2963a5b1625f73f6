import type { HashKey, LoadBalancer, Warmup } from '../../../model/traffic-policy.ts';
import {
  bool,
  deprecated,
  defaulted,
  duration,
  int,
  list,
  number,
  object,
  oneOf,
  optional,
  required,
  string,
  unsupported,
  type Infer,
} from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { localitySettingSchema, lowerLocalitySetting } from './locality-setting.ts';

const RING_SIZE = 1_024;
const MAGLEV_SIZE = 65_537;
const WARMUP_PERCENT = 10;

const cookieSchema = object({
  name: required(string(), 'Name of the cookie.'),
  path: defaulted(string({ mayBeEmpty: true }), '', 'Path of the cookie.'),
  ttl: optional(duration(), 'Life of a cookie that is made where the client sends none; 0s a session cookie; absent: none is made.'),
  attributes: defaulted(
    list(object({ name: required(string(), 'Its name.'), value: defaulted(string({ mayBeEmpty: true }), '', 'Its value.') })),
    [],
    'Further attributes of a cookie that is made.',
  ),
});

const consistentHashSchema = object(
  {
    httpHeaderName: optional(string({ format: 'header-name' }), 'Header whose value decides.'),
    httpCookie: optional(cookieSchema, 'Cookie whose value decides.'),
    useSourceIp: optional(bool, "The caller's address decides."),
    httpQueryParameterName: optional(string(), 'Parameter of the query whose value decides.'),
    ringHash: optional(
      object({ minimumRingSize: defaulted(int(1, 8_388_608), RING_SIZE, 'Least number of points on the ring.') }),
      'Ring hash (Ketama), the default.',
    ),
    maglev: optional(object({ tableSize: defaulted(int(1, 5_000_011), MAGLEV_SIZE, 'Size of the table, a prime.') }), 'Maglev.'),
    minimumRingSize: deprecated(int(1, 8_388_608), 'Least number of points on the ring.', 'write ringHash: { minimumRingSize: ... }'),
  },
  [
    { kind: 'exactly-one', fields: ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'] },
    { kind: 'at-most-one', fields: ['ringHash', 'maglev'] },
  ],
);

const warmupSchema = object({
  duration: required(duration(1), 'How long a new endpoint gets less than its share.'),
  minimumPercent: defaulted(number(0, 100), WARMUP_PERCENT, 'Share that it begins with, in percent.'),
  aggression: defaulted(number(1, 1_000), 1, 'Form of the curve: 1 grows evenly, more grows faster at first.'),
});

/** How an endpoint is chosen. */
export const loadBalancerSchema = object(
  {
    simple: optional(
      oneOf(['UNSPECIFIED', 'LEAST_REQUEST', 'LEAST_CONN', 'ROUND_ROBIN', 'RANDOM', 'PASSTHROUGH']),
      'Algorithm; LEAST_REQUEST where absent.',
    ),
    consistentHash: optional(consistentHashSchema, 'The same endpoint for the same key.'),
    warmup: optional(warmupSchema, 'Slow start of new endpoints.'),
    warmupDurationSecs: deprecated(duration(1), 'Slow start of new endpoints.', 'write warmup: { duration: ... }'),
    localityLbSetting: optional(localitySettingSchema, "Which localities are preferred; the mesh's setting where absent."),
    zoneAwareLbSetting: unsupported(
      'warning',
      'Preference for the own zone by its share of clients; localityLbSetting prefers it outright, with outlierDetection to fall back.',
    ),
  },
  [{ kind: 'at-most-one', fields: ['simple', 'consistentHash'] }],
);

function lowerKey(written: Infer<typeof consistentHashSchema>, lowering: Lowering): HashKey {
  const { httpHeaderName, httpCookie, httpQueryParameterName } = written;
  if (httpHeaderName !== undefined) return { kind: 'header', name: httpHeaderName.toLowerCase() };
  if (httpCookie !== undefined)
    return {
      kind: 'cookie',
      name: httpCookie.name,
      path: httpCookie.path,
      ttlMs: httpCookie.ttl,
      attributes: httpCookie.attributes.map(({ name, value }) => [name, value]),
    };
  if (httpQueryParameterName !== undefined) return { kind: 'query', name: httpQueryParameterName };
  if (written.useSourceIp === false) lowering.error('TUL021', written, 'useSourceIp', 'useSourceIp: false leaves nothing to choose by');
  return { kind: 'source-ip' };
}

/** True for a prime, which a table's size has to be; the largest is 5,000,011. */
function isPrime(size: number): boolean {
  for (let divisor = 2; divisor * divisor <= size; divisor++) if (size % divisor === 0) return false;
  return size > 1;
}

function lowerWarmup({ warmup, warmupDurationSecs }: Infer<typeof loadBalancerSchema>): Warmup | undefined {
  if (warmup !== undefined) return { durationMs: warmup.duration, minimumPercent: warmup.minimumPercent, aggression: warmup.aggression };
  if (warmupDurationSecs === undefined) return undefined;
  return { durationMs: warmupDurationSecs, minimumPercent: WARMUP_PERCENT, aggression: 1 };
}

/** The balancer in the model. */
export function lowerLoadBalancer(written: Infer<typeof loadBalancerSchema> | undefined, lowering: Lowering): LoadBalancer | undefined {
  if (written === undefined) return undefined;
  const { simple, consistentHash: hash } = written;
  const locality = lowerLocalitySetting(written.localityLbSetting, lowering);
  if (hash !== undefined) {
    const key = lowerKey(hash, lowering);
    if (hash.maglev !== undefined) {
      const { tableSize } = hash.maglev;
      if (!isPrime(tableSize)) lowering.error('TUL013', hash.maglev, 'tableSize', `found ${tableSize}, wants a prime`);
      return { kind: 'consistent-hash', key, algorithm: 'maglev', size: tableSize, locality };
    }
    const size = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? RING_SIZE;
    return { kind: 'consistent-hash', key, algorithm: 'ring-hash', size, locality };
  }
  if (simple === 'LEAST_CONN')
    lowering.warning('TUL017', written, 'simple', 'LEAST_CONN is deprecated: write LEAST_REQUEST, which is the same');
  const policy = simple === undefined || simple === 'UNSPECIFIED' || simple === 'LEAST_CONN' ? 'LEAST_REQUEST' : simple;
  return { kind: 'simple', policy, warmup: lowerWarmup(written), locality };
}
