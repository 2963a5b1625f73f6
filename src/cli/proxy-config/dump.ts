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
  /** `active` is what counts for traffic; a `refused` one has a reason, and where the proxy kept it a body. */
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
  return { kind, name: nameOf(kind, entry, body), state, version: textOf(entry['version_info']), error: '', body };
}

/** The version of an entry's resource that was refused, where one was. */
function refusedIn({ kind }: Section, entry: JsonObject, name: string): Dumped[] {
  const { details, version_info: version } = objectAt(entry, 'error_state');
  const error = textOf(details);
  if (error === '') return [];
  const body = objectAt(entry, 'error_state', 'failed_configuration');
  return [{ kind, name: name || nameOf(kind, {}, body), state: 'refused', version: textOf(version), error, body }];
}

/** The states of one dynamic listener: each is a version of it. */
function listenerStates(section: Section, entry: JsonObject): Dumped[] {
  const name = textOf(entry['name']);
  const states = Object.entries(LISTENER_STATES).flatMap(([key, state]) => {
    const version = entry[key];
    return isObject(version) ? [{ ...dumped(section, version, state), name }] : [];
  });
  return [...states, ...refusedIn(section, entry, name)];
}

/** A resource of another kind, and what was refused of it: it may have been nothing else. */
function resourceStates(section: Section, entry: JsonObject, state: Dumped['state']): Dumped[] {
  const own = dumped(section, entry, state);
  const refused = refusedIn(section, entry, own.name);
  return refused.length > 0 && !isObject(entry[section.key]) ? refused : [own, ...refused];
}

/** Envoy repeats what it refused, in entries without a name. */
function withoutRepeated(all: readonly Dumped[]): Dumped[] {
  const seen = new Set<string>();
  return all.filter(({ kind, name, state, error }) => {
    if (state !== 'refused') return true;
    const key = [kind, name, error].join('\n');
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

function resourcesOf(config: JsonObject): Dumped[] {
  const section = SECTIONS[textOf(config['@type']).split('.').at(-1) ?? ''];
  if (section === undefined) return [];
  return Object.entries(section.lists).flatMap(([list, state]) =>
    objectsOf(config[list]).flatMap((entry) =>
      list === 'dynamic_listeners' ? listenerStates(section, entry) : resourceStates(section, entry, state),
    ),
  );
}

/** Reads the JSON of `/config_dump?include_eds`, or of a file that holds one. Throws where the text is not JSON. */
export function readDump(text: string): Dump {
  const value: unknown = JSON.parse(text);
  const configs = rowsAt(value, 'configs');
  const bootstrap = configs.find((config) => textOf(config['@type']).endsWith('.BootstrapConfigDump'));
  return { resources: withoutRepeated(configs.flatMap(resourcesOf)), bootstrap: objectAt(bootstrap, 'bootstrap') };
}
