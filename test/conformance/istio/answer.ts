/** A question of a case put to what a proxy was sent. */
import { assignmentOf, clusterOf } from './clusters.ts';
import { filtersOf } from './filters.ts';
import { at, entries, items, type Json, text } from './json.ts';
import { inbound, outbound } from './listeners.ts';
import { virtualHostOf } from './routes.ts';
import { headers, statistics, tlsParams } from './settings.ts';
import { telling } from './telling.ts';

/** What a proxy was sent, as JSON with the names of proto3. */
export interface Sent {
  readonly listeners: readonly Json[];
  readonly routes: readonly Json[];
  readonly clusters: readonly Json[];
  readonly endpoints: readonly Json[];
}

const NONE = 'none';

function named(list: readonly Json[], name: string): Json | undefined {
  return list.find((one) => (text(one, 'name') || text(one, 'clusterName')) === name);
}

function routes({ routes: all }: Sent, name: string, host: string): Json {
  const config = named(all, name);
  if (config === undefined) return NONE;
  const hosts = items(config, 'virtualHosts');
  if (host === '')
    return Object.fromEntries(
      hosts.map((one) => [
        text(one, 'name'),
        items(one, 'domains')
          .map((domain) => text(domain))
          .toSorted(),
      ]),
    );
  const found = hosts.find((one) => text(one, 'name') === host || items(one, 'domains').includes(host));
  return found === undefined ? NONE : virtualHostOf(found);
}

function connect({ listeners }: Sent, target: string, kind: string, sni: string): Json {
  const colon = target.lastIndexOf(':');
  const connection = { address: target.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(target.slice(colon + 1)), sni, alpn: [] };
  if (kind !== 'http' && kind !== 'bytes' && kind !== 'tls')
    throw new Error(`connect with ${JSON.stringify(kind)}: wants http, bytes or tls`);
  return outbound(listeners, { ...connection, kind });
}

/** What is demanded of whoever comes to `port`, by the kind of connection. */
function policies({ listeners }: Sent, address: string, port: number): Json {
  const answers = entries(inbound(listeners, address, port));
  const open = answers.filter(([, answer]) => answer !== 'closed');
  return Object.fromEntries(open.map(([kinds, answer]) => [kinds, at(answer, 'policies') ?? 'nothing']));
}

/**
 * The answer to `question`: `connect <address>:<port> http|bytes|tls [<sni>]`, `inbound <port>`, `policies <port>`, `routes <name>
 * [<virtual host or domain>]`, `cluster <name>`, `clusters <part of the name>`, `endpoints <cluster>`, `listeners`, `filters <listener> [<chain>]`,
 * `tls <listener or cluster>`, `headers inbound|outbound|gateway`, `statistics <cluster>`, `tells inbound|outbound|gateway logs|metrics|traces`.
 */
export function answer(sent: Sent, question: string, address: string): Json {
  const [verb = '', first = '', second = '', third = ''] = question.split(' ');
  switch (verb) {
    case 'connect':
      return connect(sent, first, second, third);
    case 'inbound':
      return inbound(sent.listeners, address, Number(first));
    case 'routes':
      return routes(sent, first, second);
    case 'cluster': {
      const found = named(sent.clusters, first);
      return found === undefined ? NONE : clusterOf(found);
    }
    case 'clusters':
      return sent.clusters
        .map((cluster) => text(cluster, 'name'))
        .filter((name) => name.includes(first))
        .toSorted();
    case 'endpoints': {
      const found = named(sent.endpoints, first);
      return found === undefined ? NONE : assignmentOf(found);
    }
    case 'filters': {
      const found = named(sent.listeners, first);
      return found === undefined ? NONE : filtersOf(found, second);
    }
    case 'policies':
      return policies(sent, address, Number(first));
    case 'tls':
      return tlsParams(sent.listeners, sent.clusters, first);
    case 'headers':
      return headers(sent.listeners, sent.routes, first);
    case 'statistics':
      return statistics(sent.clusters, first);
    case 'tells':
      return telling(sent.listeners, first, second);
    case 'listeners':
      return sent.listeners.map((listener) => text(listener, 'name')).toSorted();
    default:
      throw new Error(`there is no question ${JSON.stringify(question)}`);
  }
}
