/** Health checks by grpc.health.v1.Health/Check. Envoy: HealthCheck.GrpcHealthCheck; gRPC, doc/health-checking.md. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { HeaderBlock } from '../../wire/http/headers.ts';
import type { HealthCheck_GrpcHealthCheck as GrpcHealthCheck } from '../../xds/gen/envoy/config/core/v3/health_check_pb.ts';
import { frameMessage, readUnary } from '../router/grpc-unary.ts';
import { readCheckHeaders } from './check-headers.ts';
import type { CheckResult } from './check-state.ts';
import { type Answer, HttpAsker } from './http-asker.ts';
import { authorityOf, failed, type Probe, type ProbeKind, type ProbeTarget } from './probe.ts';

/** More than any answer of the health service has. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** HealthCheckRequest.service and HealthCheckResponse.status. */
const FIELD = 1;
const SERVING = 1;

/** A HealthCheckRequest for `service`; '' asks for the server as a whole. */
function requestFor(service: string): Buffer {
  const writer = new BinaryWriter();
  if (service !== '') writer.tag(FIELD, WireType.LengthDelimited).string(service);
  return frameMessage(writer.finish());
}

/** `HealthCheckResponse.status`; undefined for bytes that are none. */
function servingStatus(message: Uint8Array): number | undefined {
  try {
    const reader = new BinaryReader(message);
    let status = 0;
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === FIELD && type === WireType.Varint) status = reader.int32();
      else reader.skip(type, field);
    }
    return status;
  } catch {
    return undefined;
  }
}

function judge({ head, trailers, body }: Answer): CheckResult {
  const { status, headers } = head;
  const result = readUnary({ kind: 'answer', status, headers, trailers, body });
  if (result.kind === 'message' && servingStatus(result.bytes) === SERVING) return { kind: 'passed', isDegraded: false };
  return failed('ACTIVE');
}

function createProbe(
  check: { service: string; authority: string; changeHeaders: (headers: HeaderBlock) => void },
  target: ProbeTarget,
  onResult: (result: CheckResult) => void,
): Probe {
  const body = requestFor(check.service);
  const asker = new HttpAsker(target, { isHttp2: true, isHead: false, keptBytes: MAX_ANSWER_BYTES }, (answer) =>
    onResult(answer === undefined ? failed('NETWORK') : judge(answer)),
  );
  const scheme = target.host.transport.isTls ? 'https' : 'http';
  return {
    start() {
      const headers = new HeaderBlock();
      headers.add('te', 'trailers');
      headers.add('content-type', 'application/grpc');
      headers.add('user-agent', 'Envoy/HC');
      check.changeHeaders(headers);
      headers.set('grpc-timeout', `${Math.ceil(target.timeoutMs)}m`);
      const request = { method: 'POST', path: '/grpc.health.v1.Health/Check', authority: authorityOf(target, check.authority) };
      asker.ask({ ...request, scheme, headers, contentLength: -1 }, body);
    },
    cancel: () => asker.cancel(),
    close: () => asker.cancel(),
  };
}

/** Prepares `grpc_health_check`; `path` is its own. Throws ConfigError. */
export function readGrpcCheck(config: GrpcHealthCheck, path: string): ProbeKind {
  const changeHeaders = readCheckHeaders({ options: config.initialMetadata, path: `${path}.initial_metadata` }, { names: [], path });
  const check = { service: config.serviceName, authority: config.authority, changeHeaders };
  return { type: 'GRPC', create: (target, onResult) => createProbe(check, target, onResult) };
}
