/** Attributes that expressions of a Telemetry may name, so that a misspelt one is told of where it is written. */
import { celDoubts } from '../../../core/cel.ts';
import { didYouMean } from '../../schema/suggest.ts';

const ADDRESS = ['address', 'port'] as const;
const CERTIFICATES = [
  'tls_version',
  ...['subject', 'dns_san', 'uri_san'].flatMap((what) => [`${what}_local_certificate`, `${what}_peer_certificate`]),
  'sha256_peer_certificate_digest',
  'transport_failure_reason',
];

/** Envoy's, by its page "Attributes", and Istio's peers. */
const ATTRIBUTE_NAMES: Readonly<Record<string, readonly string[] | undefined>> = {
  request: 'path url_path query host scheme method headers referer useragent id protocol time duration size total_size'.split(' '),
  response: ['code', 'code_details', 'flags', 'grpc_status', 'headers', 'trailers', 'size', 'total_size', 'backend_latency'],
  connection: ['id', 'mtls', 'requested_server_name', 'termination_details', ...CERTIFICATES],
  source: ADDRESS,
  destination: ADDRESS,
  upstream: [...ADDRESS, 'local_address', 'request_attempt_count', 'cx_pool_ready_duration', 'locality', ...CERTIFICATES],
  metadata: undefined,
  filter_state: undefined,
  upstream_filter_state: undefined,
  xds: undefined,
  node: undefined,
  upstream_peer: undefined,
  downstream_peer: undefined,
};

const doubt = celDoubts(ATTRIBUTE_NAMES);
const NAMES = [...Object.keys(ATTRIBUTE_NAMES), ...Object.values(ATTRIBUTE_NAMES).flatMap((fields) => fields ?? [])];

/** Why an expression has no value for any stream; undefined where nothing speaks against it. */
export function attributeDoubt(text: string, wants: 'bool' | 'any'): string | undefined {
  const why = doubt(text, wants);
  const [, name] = /^(?:Unknown variable|No such key): (\w+)/.exec(why ?? '') ?? [];
  return why === undefined || name === undefined ? why : `there is no attribute "${name}".${didYouMean(name, NAMES)}`;
}
