/**
 * What of a stream mostly is as it was of the one before: a text made of it is kept until that changes.
 *
 * The values are read here by name, one after the other, instead of by each command's own function: once a request that is
 * a hundred instructions for all, and not a hundred for every two.
 */
import type { StreamInfo } from '../http/stream-info.ts';
import type { Command } from './format.ts';

const PROTOCOL = 1 << 0;
const RESPONSE_CODE = 1 << 1;
const DETAILS = 1 << 2;
const TERMINATION = 1 << 3;
const FLAGS = 1 << 4;
const BYTES_RECEIVED = 1 << 5;
const UPSTREAM = 1 << 6;
const CLUSTER = 1 << 7;
const FAILURE = 1 << 8;
const ROUTE = 1 << 9;
const SERVER_NAME = 1 << 10;
const LOCAL_ADDRESS = 1 << 11;
const METHOD = 1 << 12;
const AUTHORITY = 1 << 13;
const SCHEME = 1 << 14;

/** Of the connection, whose texts are its own: they are compared only where somebody asks. */
const CONNECTION = SERVER_NAME | LOCAL_ADDRESS;

/** Commands, and the values that they look at. */
const COMMANDS: ReadonlyMap<string, number> = new Map([
  ['PROTOCOL', PROTOCOL],
  ['RESPONSE_CODE', RESPONSE_CODE],
  ['RESPONSE_CODE_DETAILS', DETAILS],
  ['RESPONSE_FLAGS', FLAGS | PROTOCOL],
  ['CONNECTION_TERMINATION_DETAILS', TERMINATION],
  ['BYTES_RECEIVED', BYTES_RECEIVED],
  ['UPSTREAM_HOST', UPSTREAM],
  ['UPSTREAM_CLUSTER', CLUSTER],
  ['UPSTREAM_CLUSTER_RAW', CLUSTER],
  ['UPSTREAM_TRANSPORT_FAILURE_REASON', FAILURE],
  ['ROUTE_NAME', ROUTE],
  ['REQUESTED_SERVER_NAME', SERVER_NAME],
  ['DOWNSTREAM_LOCAL_ADDRESS', LOCAL_ADDRESS],
]);

/** The same of `REQ`. */
const FIELDS: ReadonlyMap<string, number> = new Map([
  [':METHOD', METHOD],
  [':AUTHORITY', AUTHORITY],
  [':SCHEME', SCHEME],
  ['HOST', AUTHORITY],
]);

/** A bit for each value that the command looks at; 0 where it looks at others. */
export function steadyBits({ name, argument }: Command): number {
  return (name === 'REQ' ? FIELDS.get(argument.toUpperCase()) : COMMANDS.get(name)) ?? 0;
}

/** The values of the last stream. */
export class SteadyValues {
  readonly #used: number;
  #protocol: StreamInfo['protocol'] = undefined;
  #responseCode = 0;
  #details = '';
  #termination = '';
  #flags = 0;
  #bytesReceived = 0;
  #upstream: string | undefined = undefined;
  #cluster = '';
  #failure = '';
  #route = '';
  #serverName = '';
  #localHost = '';
  #localPort = 0;
  #method: string | undefined = undefined;
  #authority: string | undefined = undefined;
  #scheme: string | undefined = undefined;

  /** `used`: the bits that are asked for. */
  constructor(used: number) {
    this.#used = used;
  }

  /** Takes the values of a stream; the bits of those that are asked for and not what they were. Before the first, all are empty. */
  update(info: StreamInfo): number {
    const { request, upstream } = info;
    let changed = 0;
    if (info.protocol !== this.#protocol) {
      this.#protocol = info.protocol;
      changed |= PROTOCOL;
    }
    if (info.responseCode !== this.#responseCode) {
      this.#responseCode = info.responseCode;
      changed |= RESPONSE_CODE;
    }
    if (info.responseCodeDetails !== this.#details) {
      this.#details = info.responseCodeDetails;
      changed |= DETAILS;
    }
    if (info.terminationDetails !== this.#termination) {
      this.#termination = info.terminationDetails;
      changed |= TERMINATION;
    }
    if (info.flags !== this.#flags) {
      this.#flags = info.flags;
      changed |= FLAGS;
    }
    if (info.bytesReceived !== this.#bytesReceived) {
      this.#bytesReceived = info.bytesReceived;
      changed |= BYTES_RECEIVED;
    }
    const host = upstream === undefined ? undefined : upstream.key;
    if (host !== this.#upstream) {
      this.#upstream = host;
      changed |= UPSTREAM;
    }
    if (info.clusterName !== this.#cluster) {
      this.#cluster = info.clusterName;
      changed |= CLUSTER;
    }
    if (info.upstreamTransportFailure !== this.#failure) {
      this.#failure = info.upstreamTransportFailure;
      changed |= FAILURE;
    }
    if (info.routeName !== this.#route) {
      this.#route = info.routeName;
      changed |= ROUTE;
    }
    const method = request === undefined ? undefined : request.method;
    if (method !== this.#method) {
      this.#method = method;
      changed |= METHOD;
    }
    const authority = request === undefined ? undefined : request.authority;
    if (authority !== this.#authority) {
      this.#authority = authority;
      changed |= AUTHORITY;
    }
    const scheme = request === undefined ? undefined : request.scheme;
    if (scheme !== this.#scheme) {
      this.#scheme = scheme;
      changed |= SCHEME;
    }
    if ((this.#used & CONNECTION) !== 0) changed |= this.#updateConnection(info.connection);
    return changed & this.#used;
  }

  #updateConnection({ local, requestedServerName }: StreamInfo['connection']): number {
    let changed = 0;
    if (local.host !== this.#localHost || local.port !== this.#localPort) {
      this.#localHost = local.host;
      this.#localPort = local.port;
      changed |= LOCAL_ADDRESS;
    }
    if (requestedServerName !== this.#serverName) {
      this.#serverName = requestedServerName;
      changed |= SERVER_NAME;
    }
    return changed;
  }
}
