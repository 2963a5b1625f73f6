import type { ReadinessProbe, WorkloadPort } from '../../../model/workload.ts';
import { defaulted, int, intOrString, list, object, optional, required, string, unsupported, type Infer } from '../../schema/schema.ts';
import type { Located } from '../../schema/located.ts';
import type { Lowering } from '../dialect.ts';

const SECOND_MS = 1_000;

const httpGetSchema = object({
  path: defaulted(string({ format: 'absolute-path' }), '/', 'Path that is asked for.'),
  port: required(intOrString, 'Port of the workload, by number or name.'),
  host: unsupported('error', 'Another host to ask.'),
  scheme: unsupported('error', 'HTTPS.'),
  httpHeaders: unsupported('error', 'Further headers.'),
});

/** Kubernetes' probe, with its defaults. */
export const readinessProbeSchema = object(
  {
    httpGet: optional(httpGetSchema, 'Ready where the answer is 200 to 399.'),
    tcpSocket: optional(
      object({
        port: required(intOrString, 'Port of the workload, by number or name.'),
        host: unsupported('error', 'Another host to connect to.'),
      }),
      'Ready where the port accepts connections.',
    ),
    exec: optional(object({ command: required(list(string(), 1), 'Program and arguments.') }), 'Ready where the program ends with 0.'),
    grpc: unsupported('error', 'The gRPC health service.'),
    initialDelaySeconds: defaulted(int(0, 3_600), 0, 'Wait before the first probe.'),
    periodSeconds: defaulted(int(1, 3_600), 10, 'Pause between probes.'),
    timeoutSeconds: defaulted(int(1, 3_600), 1, 'Time for one probe.'),
    successThreshold: defaulted(int(1, 100), 1, 'Successes in a row that make it ready.'),
    failureThreshold: defaulted(int(1, 100), 3, 'Failures in a row that make it not ready.'),
  },
  [{ kind: 'exactly-one', fields: ['httpGet', 'tcpSocket', 'exec'] }],
);

function resolvePort(owner: Located & { readonly port: number | string }, ports: readonly WorkloadPort[], lowering: Lowering): number {
  if (typeof owner.port === 'number') {
    if (owner.port < 1 || owner.port > 65_535) lowering.error('TUL013', owner, 'port', `found ${owner.port}, wants a port from 1 to 65535`);
    return owner.port;
  }
  const found = ports.find(({ name }) => name === owner.port);
  if (found === undefined) lowering.error('TUL021', owner, 'port', `the workload has no port named "${owner.port}"`);
  return found?.number ?? 0;
}

/** The probe in the model. */
export function lowerReadinessProbe(
  written: Infer<typeof readinessProbeSchema> | undefined,
  ports: readonly WorkloadPort[],
  lowering: Lowering,
): ReadinessProbe | undefined {
  if (written === undefined) return undefined;
  return {
    check: lowerCheck(written, ports, lowering),
    initialDelayMs: written.initialDelaySeconds * SECOND_MS,
    periodMs: written.periodSeconds * SECOND_MS,
    timeoutMs: written.timeoutSeconds * SECOND_MS,
    successThreshold: written.successThreshold,
    failureThreshold: written.failureThreshold,
  };
}

function lowerCheck(
  { httpGet, tcpSocket, exec }: Infer<typeof readinessProbeSchema>,
  ports: readonly WorkloadPort[],
  lowering: Lowering,
): ReadinessProbe['check'] {
  if (httpGet !== undefined) return { kind: 'http', path: httpGet.path, port: resolvePort(httpGet, ports, lowering) };
  if (tcpSocket !== undefined) return { kind: 'tcp', port: resolvePort(tcpSocket, ports, lowering) };
  return { kind: 'exec', command: exec?.command ?? [] };
}
