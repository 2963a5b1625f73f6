/**
 * A proxy's configuration as its admin interface dumps it (envoy.admin.v3.ConfigDump, with endpoints), sorted out by
 * kind. https://www.envoyproxy.io/docs/envoy/latest/api-v3/admin/v3/config_dump.proto
 */
import { isObject, type JsonObject, objectAt, objectsOf, rowsAt, textOf } from '../json.ts';

/** The kinds of resources that a dump holds. */
export type Kind = 'listeners' | 'routes' | 'clusters' | 'endpoints' | 'secrets';

/** One resource of a proxy's. */
export interface Dumped {
  readonly kind: Kind;
  readonly name: string;
  /** `active` is what counts for traffic; a `refused` one has a reason and perhaps no body. */
  readonly state: 'static' | 'active' | 'warming' | 'draining' | 'refused';
  /** As the control plane named it; '' for static ones. */
  readonly version: string;
  /** Why it was refused, '' where it was not. */
  readonly error: string;
  /** The message as JSON, under its .proto names. */
  readonly body: JsonObject;
}

export interface Dump {
  readonly resources: readonly Dumped[];
  readonly bootstrap: JsonObject;
}

interface Section {
  readonly kind: Kind;
  /** Key of the message in an entry. */
  readonly key: string;
  /** Keys of lists in the section, and the state of what stands in them. */
  readonly lists: Readonly<Record<string, Dumped['state']>>;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  ListenersConfigDump: { kind: 'listeners', key: 'listener', lists: { static_listeners: 'static', dynamic_listeners: 'active' } },
  RoutesConfigDump: { kind: 'routes', key: 'route_config', lists: { static_route_configs: 'static', dynamic_route_configs: 'active' } },
  ClustersConfigDump: {
    kind: 'clusters',
    key: 'cluster',
    lists: { static_clusters: 'static', dynamic_active_clusters: 'active', dynamic_warming_clusters: 'warming' },
  },
  EndpointsConfigDump: {
    kind: 'endpoints',
    key: 'endpoint_config',
    lists: { static_endpoint_configs: 'static', dynamic_endpoint_configs: 'active' },
  },
  SecretsConfigDump: {
    kind: 'secrets',
    key: 'secret',
    lists: { static_secrets: 'static', dynamic_active_secrets: 'active', dynamic_warming_secrets: 'warming' },
  },
};

const LISTENER_STATES = { active_state: 'active', warming_state: 'warming', draining_state: 'draining' } as const;

function nameOf(kind: Kind, entry: JsonObject, body: JsonObject): string {
  return textOf(entry['name']) || textOf(body[kind === 'endpoints' ? 'cluster_name' : 'name']);
}

function dumped({ kind, key }: Section, entry: JsonObject, state: Dumped['state']): Dumped {
  const body = objectAt(entry, key);
  const error = textOf(objectAt(entry, 'error_state')['details']);
  return {
    kind,
    name: nameOf(kind, entry, body),
    state: error === '' ? state : 'refused',
    version: textOf(entry['version_info']),
    error,
    body,
  };
}

/** The states of one dynamic listener: each is a version of it. */
function listenerStates(section: Section, entry: JsonObject): Dumped[] {
  const name = textOf(entry['name']);
  const states = Object.entries(LISTENER_STATES).flatMap(([key, state]) => {
    const version = entry[key];
    return isObject(version) ? [{ ...dumped(section, version, state), name }] : [];
  });
  const { details, version_info: version } = objectAt(entry, 'error_state');
  if (textOf(details) === '') return states;
  return [...states, { kind: section.kind, name, state: 'refused', version: textOf(version), error: textOf(details), body: {} }];
}

function resourcesOf(config: JsonObject): Dumped[] {
  const section = SECTIONS[textOf(config['@type']).split('.').at(-1) ?? ''];
  if (section === undefined) return [];
  return Object.entries(section.lists).flatMap(([list, state]) =>
    objectsOf(config[list]).flatMap((entry) =>
      list === 'dynamic_listeners' ? listenerStates(section, entry) : [dumped(section, entry, state)],
    ),
  );
}

/** Reads the JSON of `/config_dump?include_eds`, or of a file that holds one. Throws where the text is not JSON. */
export function readDump(text: string): Dump {
  const value: unknown = JSON.parse(text);
  const configs = rowsAt(value, 'configs');
  const bootstrap = configs.find((config) => textOf(config['@type']).endsWith('.BootstrapConfigDump'));
  return { resources: configs.flatMap(resourcesOf), bootstrap: objectAt(bootstrap, 'bootstrap') };
}
