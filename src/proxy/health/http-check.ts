/** Health checks by HTTP requests. Envoy: HealthCheck.HttpHealthCheck. */
import { ConfigError } from '../../core/errors.ts';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { HealthCheck_HttpHealthCheck as HttpHealthCheck } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { RequestMethod } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { CodecClientType } from '../../xds/gen/envoy/type/v3/http_pb.ts';
import type { Int64Range } from '../../xds/gen/envoy/type/v3/range_pb.ts';
import { compileStringMatcher } from '../router/matchers.ts';
import { readCheckHeaders } from './check-headers.ts';
import type { CheckResult } from './check-state.ts';
import { type Answer, HttpAsker } from './http-asker.ts';
import { holdsPayloads, readPayload, readPayloads } from './payload.ts';
import { authorityOf, failed, type Probe, type ProbeKind, type ProbeTarget } from './probe.ts';

/** Bytes of a response that are looked through, where nothing else is said. */
const RESPONSE_BUFFER_BYTES = 1024;
/** Methods whose requests have no body. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'TRACE']);

type StatusTest = (status: number) => boolean;

interface HttpCheck {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly isHttp2: boolean;
  readonly body: Buffer | undefined;
  readonly receive: readonly Buffer[];
  readonly bufferBytes: number;
  readonly isExpected: StatusTest;
  readonly isRetriable: StatusTest;
  readonly isService: ((name: string) => boolean) | undefined;
  readonly changeHeaders: (headers: HeaderBlock) => void;
}

function readRanges(ranges: readonly Int64Range[], path: string): StatusTest {
  const bounds = ranges.map(({ start, end }, i) => {
    if (start < 100n || end > 600n || start >= end)
      throw new ConfigError(`${path}[${i}]`, `from ${start} to below ${end} is no range of statuses between 100 and 599`);
    return [Number(start), Number(end)] as const;
  });
  return (status) => bounds.some(([start, end]) => status >= start && status < end);
}

function readMethod(method: RequestMethod, path: string): string {
  if (method === RequestMethod.METHOD_UNSPECIFIED) return 'GET';
  const name = Object.entries(RequestMethod).find(([, value]) => value === method)?.[0];
  if (name === undefined || name === 'CONNECT') throw new ConfigError(`${path}.method`, `${name ?? method} cannot be checked with`);
  return name;
}

function readCodec(codec: CodecClientType, path: string): boolean {
  if (codec !== CodecClientType.HTTP1 && codec !== CodecClientType.HTTP2)
    throw new ConfigError(`${path}.codec_client_type`, `${codec === CodecClientType.HTTP3 ? 'HTTP3' : codec} is not supported by Tulle`);
  return codec === CodecClientType.HTTP2;
}

function readReceive(config: HttpHealthCheck, path: string): Pick<HttpCheck, 'receive' | 'bufferBytes'> {
  const receive = readPayloads(config.receive, `${path}.receive`);
  const size = Number(config.responseBufferSize ?? RESPONSE_BUFFER_BYTES);
  const wanted = receive.reduce((sum, { length }) => sum + length, 0);
  if (size > 0 && wanted > size)
    throw new ConfigError(`${path}.receive`, `${wanted} bytes do not fit into a response_buffer_size of ${size}`);
  if (receive.length === 0) return { receive, bufferBytes: 0 };
  return { receive, bufferBytes: size === 0 ? Infinity : size };
}

function readCheck(config: HttpHealthCheck, path: string): HttpCheck {
  if (config.path === '') throw new ConfigError(`${path}.path`, 'is empty');
  const method = readMethod(config.method, path);
  if (config.send !== undefined && BODILESS.has(method)) throw new ConfigError(`${path}.send`, `${method} has no body`);
  return {
    host: config.host,
    path: config.path,
    method,
    isHttp2: readCodec(config.codecClientType, path),
    body: config.send && readPayload(config.send, `${path}.send`),
    ...readReceive(config, path),
    isExpected:
      config.expectedStatuses.length === 0 ? (status) => status === 200 : readRanges(config.expectedStatuses, `${path}.expected_statuses`),
    isRetriable: readRanges(config.retriableStatuses, `${path}.retriable_statuses`),
    isService: config.serviceNameMatcher && compileStringMatcher(config.serviceNameMatcher, `${path}.service_name_matcher`),
    changeHeaders: readCheckHeaders(
      { options: config.requestHeadersToAdd, path: `${path}.request_headers_to_add` },
      { names: config.requestHeadersToRemove, path: `${path}.request_headers_to_remove` },
    ),
  };
}

/** What an answer says of the host. */
function judge(check: HttpCheck, { head, body }: Answer, target: ProbeTarget): CheckResult {
  const { status, headers } = head;
  const isExcluding = headers.has('x-envoy-immediate-health-check-fail');
  if (!holdsPayloads(check.receive, body)) return failed('ACTIVE', { isExcluding, status });
  if (!check.isExpected(status)) return failed('ACTIVE', { isExcluding, status, isRetriable: check.isRetriable(status) });
  if (check.isService !== undefined) {
    target.onVerified();
    if (!check.isService(headers.get('x-envoy-upstream-healthchecked-cluster') ?? '')) return failed('ACTIVE', { status });
  }
  return { kind: 'passed', isDegraded: headers.has('x-envoy-degraded') };
}

function createProbe(check: HttpCheck, target: ProbeTarget, onResult: (result: CheckResult) => void): Probe {
  const { method, isHttp2, body, path } = check;
  const asker = new HttpAsker(target, { isHttp2, isHead: method === 'HEAD', keptBytes: check.bufferBytes }, (answer) =>
    onResult(answer === undefined ? failed('NETWORK') : judge(check, answer, target)),
  );
  const authority = authorityOf(target, check.host);
  const scheme = target.host.transport.isTls ? 'https' : 'http';
  return {
    start() {
      const headers = new HeaderBlock();
      headers.add('user-agent', 'Envoy/HC');
      check.changeHeaders(headers);
      if (body !== undefined) headers.set('content-length', String(body.length));
      asker.ask({ method, path, authority, scheme, headers, contentLength: body?.length ?? 0 }, body);
    },
    cancel: () => asker.cancel(),
    close: () => asker.cancel(),
  };
}

/** Prepares `http_health_check`; `path` is its own. Throws ConfigError. */
export function readHttpCheck(config: HttpHealthCheck, path: string): ProbeKind {
  const check = readCheck(config, path);
  return { type: 'HTTP', create: (target, onResult) => createProbe(check, target, onResult) };
}
