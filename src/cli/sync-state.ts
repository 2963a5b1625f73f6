/** Rows of `GET /api/proxies`: who a proxy is, and whether it has taken what it was sent. */
import { proxyNameOf } from '../model/node-id.ts';
import { isObject, type JsonObject, textOf } from './json.ts';

/** What is known of one xDS type of a proxy's. */
function typeOf(row: JsonObject, type: string): JsonObject {
  const types = isObject(row['types']) ? row['types'] : {};
  const found = types[type];
  return isObject(found) ? found : {};
}

/** The reason of the last refusal of a type, '' where there is none. */
function refusal(row: JsonObject, type: string): string {
  const { nack } = typeOf(row, type);
  return isObject(nack) ? textOf(nack['message']) : '';
}

/** `SYNCED`, `STALE` (not answered yet), `NACK` (refused), or `-` where the proxy has not asked. */
export function syncStatus(row: JsonObject, type: string): string {
  const status = textOf(typeOf(row, type)['status']);
  return status === 'ERROR' ? 'NACK' : status || '-';
}

/** Reasons of all refusals of a proxy: `RDS: <message>`. */
export function refusals(row: JsonObject): string[] {
  const types = isObject(row['types']) ? Object.keys(row['types']) : [];
  return types.flatMap((type) => (refusal(row, type) === '' ? [] : [`${type}: ${refusal(row, type)}`]));
}

/** `payments-v1-0.shop` of a node id. */
export function proxyName(row: JsonObject): string {
  return proxyNameOf(textOf(row['id']));
}
