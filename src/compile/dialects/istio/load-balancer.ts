import type { HashKey, LoadBalancer } from '../../../model/traffic-policy.ts';
import {
  bool,
  deprecated,
  defaulted,
  duration,
  int,
  object,
  oneOf,
  optional,
  required,
  string,
  unsupported,
  type Infer,
} from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';

const RING_SIZE = 1_024;
const MAGLEV_SIZE = 65_537;

const cookieSchema = object({
  name: required(string(), 'Name of the cookie.'),
  path: defaulted(string({ mayBeEmpty: true }), '', 'Path of the cookie.'),
  ttl: optional(duration(), 'Life of a cookie that is made where the client sends none; 0s a session cookie; absent: none is made.'),
  attributes: unsupported('warning', 'Further attributes of the cookie.'),
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
  minimumPercent: unsupported('warning', 'Share that it begins with; 10 percent.'),
  aggression: unsupported('warning', 'Form of the curve; linear.'),
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
    localityLbSetting: unsupported('warning', 'Distribution over and failover between localities.'),
    zoneAwareLbSetting: unsupported('warning', 'Preference for the own zone.'),
  },
  [{ kind: 'at-most-one', fields: ['simple', 'consistentHash'] }],
);

function lowerKey(written: Infer<typeof consistentHashSchema>, lowering: Lowering): HashKey {
  const { httpHeaderName, httpCookie, httpQueryParameterName } = written;
  if (httpHeaderName !== undefined) return { kind: 'header', name: httpHeaderName.toLowerCase() };
  if (httpCookie !== undefined) return { kind: 'cookie', name: httpCookie.name, path: httpCookie.path, ttlMs: httpCookie.ttl };
  if (httpQueryParameterName !== undefined) return { kind: 'query', name: httpQueryParameterName };
  if (written.useSourceIp === false) lowering.error('TUL021', written, 'useSourceIp', 'useSourceIp: false leaves nothing to choose by');
  return { kind: 'source-ip' };
}

/** The balancer in the model. */
export function lowerLoadBalancer(written: Infer<typeof loadBalancerSchema> | undefined, lowering: Lowering): LoadBalancer | undefined {
  if (written === undefined) return undefined;
  const { simple, consistentHash: hash } = written;
  if (hash !== undefined) {
    const key = lowerKey(hash, lowering);
    if (hash.maglev !== undefined) return { kind: 'consistent-hash', key, algorithm: 'maglev', size: hash.maglev.tableSize };
    const size = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? RING_SIZE;
    return { kind: 'consistent-hash', key, algorithm: 'ring-hash', size };
  }
  if (simple === 'LEAST_CONN')
    lowering.warning('TUL017', written, 'simple', 'LEAST_CONN is deprecated: write LEAST_REQUEST, which is the same');
  const policy = simple === undefined || simple === 'UNSPECIFIED' || simple === 'LEAST_CONN' ? 'LEAST_REQUEST' : simple;
  return { kind: 'simple', policy, warmupMs: written.warmup?.duration ?? written.warmupDurationSecs };
}
