/**
 * The configuration in force as Envoy's `/config_dump` shows it (envoy.admin.v3.ConfigDump), so that tools that read it
 * (istioctl's among them) read ours. Private keys never leave the process.
 */
import { type DescMessage, type JsonObject, type JsonValue, type Message, toJson } from '@bufbuild/protobuf';
import { messageOf } from '../../core/errors.ts';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE, SECRET_TYPE, VIRTUAL_HOST_TYPE } from '../../xds/types.ts';
import { shownTypes } from './shown-types.ts';
import type { AdminView, ConfigResource } from './view.ts';
import { withVirtualHosts } from './virtual-hosts.ts';

const ADMIN = 'type.googleapis.com/envoy.admin.v3';
const REDACTED = '[redacted]';

/** How one resource type stands in its section. */
interface Section {
  /** Message of the section. */
  readonly type: string;
  /** Key of the resource in its entry. */
  readonly key: string;
  readonly staticKey: string;
  readonly activeKey: string;
  /** Undefined where entries hold their states themselves (listeners) or are never warming. */
  readonly warmingKey: string | undefined;
  /** True where an entry has `active_state`, `warming_state`, `error_state`. */
  readonly hasStates: boolean;
  /** Shown only on `?include_eds`. */
  readonly isOptional: boolean;
}

const PLAIN = { hasStates: false, isOptional: false, warmingKey: undefined };

const SECTIONS = new Map<string, Section>([
  [
    CLUSTER_TYPE,
    {
      ...PLAIN,
      type: 'ClustersConfigDump',
      key: 'cluster',
      staticKey: 'static_clusters',
      activeKey: 'dynamic_active_clusters',
      warmingKey: 'dynamic_warming_clusters',
    },
  ],
  [
    ENDPOINT_TYPE,
    {
      ...PLAIN,
      isOptional: true,
      type: 'EndpointsConfigDump',
      key: 'endpoint_config',
      staticKey: 'static_endpoint_configs',
      activeKey: 'dynamic_endpoint_configs',
    },
  ],
  [
    LISTENER_TYPE,
    {
      ...PLAIN,
      hasStates: true,
      type: 'ListenersConfigDump',
      key: 'listener',
      staticKey: 'static_listeners',
      activeKey: 'dynamic_listeners',
    },
  ],
  [
    ROUTE_TYPE,
    {
      ...PLAIN,
      type: 'RoutesConfigDump',
      key: 'route_config',
      staticKey: 'static_route_configs',
      activeKey: 'dynamic_route_configs',
    },
  ],
  [
    SECRET_TYPE,
    {
      ...PLAIN,
      type: 'SecretsConfigDump',
      key: 'secret',
      staticKey: 'static_secrets',
      activeKey: 'dynamic_active_secrets',
      warmingKey: 'dynamic_warming_secrets',
    },
  ],
]);

export interface DumpOptions {
  readonly includesEndpoints: boolean;
  /** Keeps resources whose name matches. */
  readonly name: RegExp | undefined;
}

/** Replaces what stands under a secret's name; strings keep being strings, so that the shape stays. */
function redact(value: JsonValue, isSecret: boolean): JsonValue {
  if (Array.isArray(value)) return value.map((item) => redact(item, isSecret));
  if (typeof value !== 'object' || value === null) return isSecret && typeof value === 'string' ? REDACTED : value;
  const out: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    // bytes are base64 in JSON
    const isBytes = isSecret && key === 'inline_bytes';
    out[key] = isBytes ? Buffer.from(REDACTED).toString('base64') : redact(item, isSecret || key === 'private_key' || key === 'password');
  }
  return out;
}

/** A message as JSON under its .proto names; what cannot be written says why instead of failing the whole dump. */
function messageJson(schema: DescMessage, message: Message, isSecret: boolean): JsonObject {
  try {
    const json = toJson(schema, message, { registry: shownTypes, useProtoFieldName: true });
    const shown = redact(json, false);
    return typeof shown === 'object' && shown !== null && !Array.isArray(shown) ? shown : {};
  } catch (error) {
    return { error: isSecret ? 'cannot be shown' : `cannot be shown: ${messageOf(error)}` };
  }
}

function resourceJson({ schema, message, typeUrl }: ConfigResource): JsonObject {
  return { '@type': typeUrl, ...messageJson(schema, message, typeUrl === SECRET_TYPE) };
}

function stateOf(resource: ConfigResource, key: string): JsonObject {
  const { version, updatedMs } = resource;
  return { version_info: version, [key]: resourceJson(resource), last_updated: new Date(updatedMs).toISOString() };
}

/** What was refused, and why. */
function errorState(resource: ConfigResource): JsonObject {
  return {
    details: resource.error,
    last_update_attempt: new Date(resource.updatedMs).toISOString(),
    version_info: resource.version,
    failed_configuration: resourceJson(resource),
  };
}

/** Versions of one listener under one name. */
function listenerEntries(resources: readonly ConfigResource[], key: string): JsonObject[] {
  const entries = new Map<string, JsonObject>();
  for (const resource of resources) {
    let entry = entries.get(resource.name);
    if (entry === undefined) entries.set(resource.name, (entry = { name: resource.name }));
    if (resource.state === 'refused') entry['error_state'] = errorState(resource);
    else entry[`${resource.state}_state`] = stateOf(resource, key);
  }
  return [...entries.values()];
}

/** A resource that goes on with its former version, where there is one, beside what was refused. */
function dynamicEntry(resource: ConfigResource, key: string, refused: ConfigResource | undefined): JsonObject {
  const named = resource.typeUrl === SECRET_TYPE ? { name: resource.name } : {};
  const state = resource.state === 'refused' ? {} : stateOf(resource, key);
  return { ...named, ...state, ...(refused && { client_status: 'NACKED', error_state: errorState(refused) }) };
}

interface DynamicEntry {
  readonly isActive: boolean;
  readonly json: JsonObject;
}

/**
 * An entry for each version that is in force or waits, the first of a name telling of the one that was refused, and one for
 * what was only ever refused. Envoy leaves refusals out but of listeners; the fields are there for them.
 */
function dynamicEntries(resources: readonly ConfigResource[], key: string): DynamicEntry[] {
  const refused = new Map(resources.filter(({ state }) => state === 'refused').map((each) => [each.name, each]));
  const former = new Set(resources.filter(({ state }) => state !== 'refused').map(({ name }) => name));
  return resources
    .filter(({ name, state }) => state !== 'refused' || !former.has(name))
    .map((resource) => {
      const json = dynamicEntry(resource, key, refused.get(resource.name));
      refused.delete(resource.name);
      return { isActive: resource.state === 'active', json };
    });
}

function sectionJson(section: Section, resources: readonly ConfigResource[]): JsonObject {
  const out: JsonObject = { '@type': `${ADMIN}.${section.type}` };
  const add = (key: string, entries: JsonObject[]): void => {
    if (entries.length > 0) out[key] = entries;
  };
  const dynamic = resources.filter(({ isStatic }) => !isStatic);
  add(
    section.staticKey,
    resources.filter(({ isStatic }) => isStatic).map((resource) => stateOf(resource, section.key)),
  );
  if (section.hasStates) {
    add(section.activeKey, listenerEntries(dynamic, section.key));
    return out;
  }
  const entries = dynamicEntries(dynamic, section.key);
  const shown = (isActive: boolean): JsonObject[] => entries.filter((each) => each.isActive === isActive).map(({ json }) => json);
  if (section.warmingKey === undefined) {
    add(
      section.activeKey,
      entries.map(({ json }) => json),
    );
    return out;
  }
  add(section.activeKey, shown(true));
  add(section.warmingKey, shown(false));
  return out;
}

function bootstrapJson(proxy: AdminView): JsonObject[] {
  const bootstrap = proxy.bootstrap();
  if (bootstrap === undefined) return [];
  return [
    {
      '@type': `${ADMIN}.BootstrapConfigDump`,
      bootstrap: messageJson(bootstrap.schema, bootstrap.message, false),
      last_updated: new Date(bootstrap.updatedMs).toISOString(),
    },
  ];
}

/** The dump's `configs`: bootstrap, then one section for each resource type, sorted by resource names. */
export function dumpConfig(proxy: AdminView, options: DumpOptions): JsonObject[] {
  const byType = new Map<string, ConfigResource[]>();
  const hosts: ConfigResource[] = [];
  for (const resource of proxy.resources()) {
    if (resource.typeUrl === VIRTUAL_HOST_TYPE) hosts.push(resource);
    if (options.name?.test(resource.name) === false) continue;
    const list = byType.get(resource.typeUrl) ?? [];
    list.push(resource);
    byType.set(resource.typeUrl, list);
  }
  const configs = options.name === undefined ? bootstrapJson(proxy) : [];
  for (const [typeUrl, section] of SECTIONS) {
    if (section.isOptional && !options.includesEndpoints) continue;
    const own = byType.get(typeUrl) ?? [];
    const resources = (typeUrl === ROUTE_TYPE ? withVirtualHosts(own, hosts) : own).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    if (options.name === undefined || resources.length > 0) configs.push(sectionJson(section, resources));
  }
  return configs;
}
