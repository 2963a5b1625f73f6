import type { JsonObject } from '@bufbuild/protobuf';
import { dumpConfig } from '../config-dump.ts';
import { type AdminAnswer, type AdminEndpoint, json, regexParameter, text } from '../endpoint.ts';

/** The entries of one field of the dump (`dynamic_listeners`, ...), whichever section has it. */
function selectResource(configs: readonly JsonObject[], field: string): AdminAnswer {
  for (const section of configs) {
    const entries = section[field];
    if (entries !== undefined) return json({ configs: entries });
  }
  return text(`${field} not found in config dump\n`, 404);
}

/** `/config_dump`: what is in force; `?resource=` one field of it, `?name_regex=`, `?include_eds`. */
export const configDump: AdminEndpoint = {
  path: '/config_dump',
  method: 'GET',
  help: 'dump current Envoy configs (?resource, ?name_regex, ?include_eds)',
  handle(query, proxy) {
    if (query.has('mask')) return text('mask is not supported by Tulle; use resource and name_regex\n', 400);
    const name = regexParameter(query, 'name_regex');
    if (name !== undefined && !(name instanceof RegExp)) return name;
    const configs = dumpConfig(proxy, { name, includesEndpoints: query.has('include_eds') });
    const field = query.get('resource');
    return field === null ? json({ configs }) : selectResource(configs, field);
  },
};
