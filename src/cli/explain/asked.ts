/** The request that is asked about, as the command line and files of requests say it. */
import { usageError } from '../errors.ts';

type Scheme = 'http' | 'https' | 'grpc' | 'tcp';

export interface Target {
  readonly scheme: Scheme;
  readonly host: string;
  /** Undefined where the URL names none. */
  readonly port: number | undefined;
  /** Path with its query. */
  readonly path: string;
}

export interface WorkloadName {
  /** Undefined where only the name was given: any namespace. */
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface Asked {
  /** Who calls; `outside`: somebody without a proxy; undefined: somebody who comes through a gateway. */
  readonly from: WorkloadName | 'outside' | undefined;
  /** Which gateway, where several have the port. */
  readonly via: WorkloadName | undefined;
  readonly to: Target;
  readonly method: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** A request in words, as options or the fields of a line say it. */
interface Said {
  readonly from: string | undefined;
  readonly gateway: string | undefined;
  readonly to: string;
  readonly method: string | undefined;
  readonly headers: Asked['headers'];
}

const SCHEMES: readonly Scheme[] = ['http', 'https', 'grpc', 'tcp'];
const FORM = /^([a-z][a-z0-9+.-]*):\/\/(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?([/?][^#]*)?$/i;

/** Reads the URL of `--to`. Throws CliError. */
export function readTarget(text: string): Target {
  const match = FORM.exec(text);
  const [, word = '', host = '', digits, path = '/'] = match ?? [];
  const scheme = SCHEMES.find((known) => known === word.toLowerCase());
  if (match === null || scheme === undefined)
    throw usageError(
      `"${text}" is not a URL with http, https, grpc or tcp`,
      'e.g. --to http://payments:9090/charge, or --to tcp://orders-db:5432',
    );
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) throw usageError(`${digits} is not a port`, 'ports are 1 to 65535');
  if (scheme === 'tcp' && port === undefined)
    throw usageError(`"${text}" names no port`, 'bytes have no usual port: --to tcp://orders-db:5432');
  return { scheme, host: host.replace(/^\[|\]$/g, '').toLowerCase(), port, path: path.startsWith('?') ? `/${path}` : path };
}

/** Reads `namespace/name`, or a name alone. Throws CliError. */
export function readWorkloadName(text: string): WorkloadName {
  const [first = '', second, ...rest] = text.split('/');
  if (first === '' || second === '' || rest.length > 0) throw usageError(`"${text}" is not a workload`, 'e.g. --from shop/frontend');
  return second === undefined ? { namespace: undefined, name: first } : { namespace: first, name: second };
}

/** Reads `name:value` of `-H`. Throws CliError. */
export function readHeader(text: string): readonly [name: string, value: string] {
  const colon = text.indexOf(':', text.startsWith(':') ? 1 : 0);
  const name = text.slice(0, colon).trim().toLowerCase();
  if (colon <= 0 || !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) throw usageError(`"${text}" is not a header`, 'e.g. -H x-canary:true');
  return [name, text.slice(colon + 1).trim()];
}

/** Reads a whole request; without a method it is GET, or POST of gRPC. Throws CliError. */
export function readAsked({ from, gateway, to, method, headers }: Said): Asked {
  if (from !== undefined && gateway !== undefined)
    throw usageError('from and gateway exclude each other', 'gateways that a workload leaves the mesh by are on its way in any case');
  const target = readTarget(to);
  return {
    from: from === undefined || from === 'outside' ? from : readWorkloadName(from),
    via: gateway === undefined ? undefined : readWorkloadName(gateway),
    to: target,
    method: method?.toUpperCase() ?? (target.scheme === 'grpc' ? 'POST' : 'GET'),
    headers,
  };
}
