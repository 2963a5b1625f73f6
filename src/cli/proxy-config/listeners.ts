/** Listeners in a table: a row for each filter chain, with what it matches and where it leads. */
import { isObject, type JsonObject, objectAt, objectsOf, textOf } from '../json.ts';
import { type Address, addressOf } from './address.ts';
import type { Dumped } from './dump.ts';
import { matchOf } from './routes.ts';
import { isAsked, refusalText, textColumn, type View } from './view.ts';

function addressesOf(listener: JsonObject): Address[] {
  if (isObject(listener['internal_listener'])) return [{ address: 'internal', port: '' }];
  const more = objectsOf(listener['additional_addresses']).map((each) => each['address']);
  return [listener['address'], ...more].map(addressOf);
}

function prefixes(ranges: unknown): string {
  return objectsOf(ranges)
    .map((range) => `${textOf(range['address_prefix'])}/${textOf(range['prefix_len']) || '0'}`)
    .join(',');
}

function listed(value: unknown): string {
  return Array.isArray(value) ? value.map(textOf).join(',') : '';
}

/** `SNI: a; Trans: tls; App: h2; Addr: 10.0.0.1/32:80`, or ALL. */
function chainMatch(match: JsonObject): string {
  const port = textOf(match['destination_port']);
  const parts = [
    ['SNI', listed(match['server_names'])],
    ['Trans', textOf(match['transport_protocol'])],
    ['App', listed(match['application_protocols'])],
    ['Addr', `${prefixes(match['prefix_ranges'])}${port === '' ? '' : `:${port}`}`],
    ['From', `${prefixes(match['source_prefix_ranges'])}${match['source_type'] === 'SAME_IP_OR_LOOPBACK' ? 'loopback' : ''}`],
  ];
  const said = parts.filter(([, text]) => text !== '').map(([what, text]) => `${what}: ${text}`);
  return said.join('; ') || 'ALL';
}

function typedConfigs(filters: unknown, type: string): JsonObject[] {
  return objectsOf(filters).flatMap((filter) => {
    const config = objectAt(filter, 'typed_config');
    return textOf(config['@type']).endsWith(`.${type}`) ? [config] : [];
  });
}

function inlineRoutes(routes: JsonObject): string {
  const all = objectsOf(routes['virtual_hosts']).flatMap((host) => objectsOf(host['routes']));
  return `Inline Route: ${all.map((route) => matchOf(objectAt(route, 'match'))).join(', ')}`;
}

function tcpDestination(proxy: JsonObject): string {
  const weighted = objectsOf(objectAt(proxy, 'weighted_clusters')['clusters']);
  if (weighted.length === 0) return `Cluster: ${textOf(proxy['cluster'])}`;
  return `Cluster: ${weighted.map((each) => `${textOf(each['name'])} (${textOf(each['weight'])})`).join(', ')}`;
}

function destinationOf(chain: JsonObject): string {
  const [hcm] = typedConfigs(chain['filters'], 'HttpConnectionManager');
  if (hcm !== undefined) {
    const name = textOf(objectAt(hcm, 'rds')['route_config_name']);
    return name === '' ? inlineRoutes(objectAt(hcm, 'route_config')) : `Route: ${name}`;
  }
  const [tcp] = typedConfigs(chain['filters'], 'TcpProxy');
  if (tcp !== undefined) return tcpDestination(tcp);
  const names = objectsOf(chain['filters']).map((each) => textOf(each['name']));
  return `Filters: ${names.join(', ')}`;
}

function typeOf(destination: string): string {
  return /^(?:Inline )?Route/.test(destination) ? 'HTTP' : 'TCP';
}

function chainsOf(listener: JsonObject): JsonObject[] {
  const rest = listener['default_filter_chain'];
  const last = isObject(rest) ? [rest] : [];
  return [...objectsOf(listener['filter_chains']), ...last];
}

function rowsOf({ name, state, error, body }: Dumped): JsonObject[] {
  const addresses = addressesOf(body);
  const where = {
    name,
    state,
    addresses: [...new Set(addresses.map(({ address }) => address))].join(','),
    port: [...new Set(addresses.map(({ port }) => port))].join(','),
  };
  if (state === 'refused') return [{ ...where, match: '', destination: refusalText(error), type: '' }];
  return chainsOf(body).map((chain) => {
    const destination = destinationOf(chain);
    return { ...where, match: chainMatch(objectAt(chain, 'filter_chain_match')), destination, type: typeOf(destination) };
  });
}

export const listenersView: View = {
  kind: 'listeners',
  filters: ['port', 'address', 'type', 'name'],
  columns: [
    textColumn('NAME', 'name'),
    textColumn('ADDRESSES', 'addresses'),
    textColumn('PORT', 'port'),
    textColumn('MATCH', 'match'),
    textColumn('DESTINATION', 'destination'),
  ],
  rows: (resource, { port, address, type, name }) =>
    rowsOf(resource).filter(
      (row) =>
        isAsked(port === undefined ? undefined : String(port), textOf(row['port'])) &&
        (address === undefined || textOf(row['addresses']).split(',').includes(address)) &&
        isAsked(type?.toUpperCase(), row['type']) &&
        isAsked(name, row['name']),
    ),
};
