/** Hosts that tell which of them they are, and checks of how often, or for which requests, a proxy chooses each of them. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Difference } from '../differences.ts';
import { address, httpOptions, type } from './pieces.ts';
import type { Proxy, Servers } from './proxies.ts';

/** Hosts of the fleet: both proxies have the same, so that hashes of addresses are the same. */
const SIZE = 10;

interface Fleet {
  readonly ports: readonly number[];
  /** Resolves when a request with `x-hold` reaches a host; it waits for `release`. */
  arrival(): Promise<void>;
  release(): void;
  close(): Promise<void>;
}

async function listen(server: http.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // nothing may wait for it where a proxy cannot start
  server.unref();
  return (server.address() as AddressInfo).port;
}

async function startFleet(): Promise<Fleet> {
  const held: (() => void)[] = [];
  let onArrival = (): void => {};
  const servers = Array.from({ length: SIZE }, (_, i) =>
    http.createServer({ keepAliveTimeout: 0 }, (request, response) => {
      if (request.headers['x-hold'] === undefined) return void response.end(`h${i}`);
      held.push(() => response.end(`h${i}`));
      onArrival();
    }),
  );
  const ports = await Promise.all(servers.map(listen));
  return {
    ports,
    arrival: () => new Promise((resolve) => (onArrival = resolve)),
    release: () => held.splice(0).forEach((answer) => answer()),
    async close() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

let running: Promise<Fleet> | undefined;
let users = 0;

/** Starts the fleet once for both proxies; it ends with the last of them. */
export async function fleetServers(): Promise<Servers> {
  users++;
  const fleet = await (running ??= startFleet());
  return {
    ports: Object.fromEntries(fleet.ports.map((port, i) => [`h${i}`, port])),
    async close() {
      if (--users === 0) await fleet.close();
    },
  };
}

/** One host of a cluster: its number in the fleet, and fields of its LbEndpoint. */
export interface Member {
  readonly host: number;
  readonly weight?: number;
  readonly health?: 'HEALTHY' | 'UNHEALTHY' | 'DEGRADED' | 'DRAINING' | 'TIMEOUT';
  /** Metadata under `envoy.lb`. */
  readonly lb?: JsonObject;
  readonly hostname?: string;
}

/** Hosts of one locality. */
export interface Place {
  readonly members: readonly Member[];
  readonly priority?: number;
  readonly weight?: number;
  readonly zone?: string;
}

/** Members by their numbers. */
export const members = (...hosts: readonly number[]): Member[] => hosts.map((host) => ({ host }));

function lbEndpoint({ host, weight, health, lb, hostname }: Member, ports: Readonly<Record<string, number>>): JsonObject {
  return {
    endpoint: { address: address(ports[`h${host}`] ?? 0), ...(hostname === undefined ? {} : { hostname }) },
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
    ...(health === undefined ? {} : { health_status: health }),
    ...(lb === undefined ? {} : { metadata: { filter_metadata: { 'envoy.lb': lb } } }),
  };
}

/** A cluster over hosts of the fleet; `policy` are the fields that say how it balances. */
export function fleetCluster(
  name: string,
  places: readonly Place[],
  policy: JsonObject,
  ports: Readonly<Record<string, number>>,
  assignment: JsonObject = {},
): JsonObject {
  const endpoints: JsonValue[] = places.map(({ members: own, priority = 0, weight, zone }) => ({
    priority,
    ...(weight === undefined ? {} : { load_balancing_weight: weight }),
    ...(zone === undefined ? {} : { locality: { region: 'r', zone } }),
    lb_endpoints: own.map((member) => lbEndpoint(member, ports)),
  }));
  return {
    name,
    type: 'STATIC',
    connect_timeout: '20s',
    load_assignment: { cluster_name: name, endpoints, ...assignment },
    typed_extension_protocol_options: httpOptions({ explicit_http_config: { http_protocol_options: {} } }),
    ...policy,
  };
}

/** A `load_balancing_policy` of one policy. */
export const typed = (name: string, message: string, fields: JsonObject = {}): JsonObject => ({
  policies: [
    {
      typed_extension_config: {
        name: `envoy.load_balancing_policies.${name}`,
        typed_config: type(`envoy.extensions.load_balancing_policies.${name}.v3.${message}`, fields),
      },
    },
  ],
});

/** One check: a cluster of its own behind a route of its own. */
export interface FleetCheck {
  /** Unique, and part of a path. */
  readonly name: string;
  readonly places: readonly Place[];
  /** Fields of the cluster that say how it balances. */
  readonly policy?: JsonObject;
  /** Fields of the load assignment. */
  readonly assignment?: JsonObject;
  /** Fields of the route's action. */
  readonly action?: JsonObject;
  readonly requests: number;
  /** What is asked, by the number of the request; ports of the fleet's hosts are given. */
  readonly ask?: (i: number, ports: readonly number[]) => { readonly path?: string; readonly headers?: http.OutgoingHttpHeaders };
  /** All requests are under way at once, each begun when the one before has reached its host. */
  readonly isHeld?: boolean;
  /**
   * What Envoy must do: shares of hosts (`h0`, or a status where nobody answers), each to be met within `tolerance` by
   * both; or 'same': each request goes to the same host from both, and to more than one over all; or 'one': all requests
   * go to one host, the same from both.
   */
  readonly wants: Readonly<Record<string, number>> | 'same' | 'one';
  readonly tolerance?: number;
  /** What Tulle does instead, on purpose. */
  readonly differs?: { readonly row: Difference; readonly wants: Readonly<Record<string, number>> };
}

function send(proxy: Proxy, agent: http.Agent, path: string, headers: http.OutgoingHttpHeaders): http.ClientRequest {
  return http.get({ host: '127.0.0.1', port: proxy.target('main').port, path, headers, agent });
}

function answerTo(request: http.ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('latin1');
      response.on('data', (piece: string) => (text += piece));
      response.once('end', () => resolve(response.statusCode === 200 ? text : String(response.statusCode)));
    });
  });
}

async function runOneByOne(proxy: Proxy, check: FleetCheck): Promise<string[]> {
  const ports = (await running)?.ports ?? [];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const answers: string[] = [];
  for (let i = 0; i < check.requests; i++) {
    const { path = '', headers = {} } = check.ask?.(i, ports) ?? {};
    answers.push(await answerTo(send(proxy, agent, `/${check.name}${path}`, headers)));
  }
  agent.destroy();
  return answers;
}

/** Each request is begun when the one before has reached its host, and waits there for all of them. */
async function runHeld(proxy: Proxy, check: FleetCheck): Promise<string[]> {
  const fleet = await running;
  const agent = new http.Agent({ keepAlive: false });
  const answers: Promise<string>[] = [];
  for (let i = 0; i < check.requests; i++) {
    const { path = '', headers = {} } = check.ask?.(i, fleet?.ports ?? []) ?? {};
    const arrival = fleet?.arrival();
    const answer = answerTo(send(proxy, agent, `/${check.name}${path}`, { ...headers, 'x-hold': '1' }));
    answers.push(answer);
    await Promise.race([arrival, answer]);
  }
  fleet?.release();
  return Promise.all(answers);
}

function sharesOf(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1 / answers.length;
  return counts;
}

function checkShares(who: string, answers: readonly string[], wants: Readonly<Record<string, number>>, tolerance: number): void {
  const shares = sharesOf(answers);
  for (const host of new Set([...Object.keys(shares), ...Object.keys(wants)])) {
    const off = Math.abs((shares[host] ?? 0) - (wants[host] ?? 0));
    assert.ok(off <= tolerance + 1e-9, `${who}: ${host} is not within ${tolerance} of its share: ${JSON.stringify({ shares, wants })}`);
  }
}

/** The routes and clusters of some checks. */
export function fleetSetup(
  checks: readonly FleetCheck[],
  ports: Readonly<Record<string, number>>,
): { routes: JsonObject[]; clusters: JsonObject[] } {
  return {
    routes: checks.map(({ name, action = {} }) => ({
      match: { path_separated_prefix: `/${name}` },
      route: 'weighted_clusters' in action ? action : { cluster: name, ...action },
    })),
    clusters: checks.map((check) => fleetCluster(check.name, check.places, check.policy ?? {}, ports, check.assignment)),
  };
}

/** Defines a test for each check. */
export function fleetTests(checks: readonly FleetCheck[], proxies: () => readonly Proxy[]): void {
  for (const check of checks) {
    test(check.name, async () => {
      const run = check.isHeld === true ? runHeld : runOneByOne;
      const all: string[][] = [];
      // one after the other where requests are held: both proxies have the same hosts
      for (const proxy of proxies()) all.push(await run(proxy, check));
      const [ours = [], theirs = []] = all;
      if (process.env['TULLE_SHOW'] !== undefined) console.log(check.name, { tulle: sharesOf(ours), envoy: sharesOf(theirs) });
      if (check.wants === 'same' || check.wants === 'one') {
        assert.equal(new Set(theirs).size > 1, check.wants === 'same', `Envoy chose ${theirs.join(' ')}`);
        assert.deepEqual(ours, theirs);
        return;
      }
      checkShares('Envoy', theirs, check.wants, check.tolerance ?? 0.01);
      checkShares('Tulle', ours, check.differs?.wants ?? check.wants, check.tolerance ?? 0.01);
    });
  }
}
