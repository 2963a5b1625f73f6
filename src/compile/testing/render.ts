/** Compiled resources as JSON that people and Envoy can read: extensions unpacked, defaults left out. */
import { globSync } from 'node:fs';
import path from 'node:path';
import { createRegistry, type DescMessage, type JsonValue, type Registry, toJson } from '@bufbuild/protobuf';
import type { Compiled, ResourceMap } from '../compile.ts';

const gen = path.resolve(import.meta.dirname, '../../xds/gen');

function isMessage(value: unknown): value is DescMessage {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'message';
}

async function loadRegistry(): Promise<Registry> {
  const messages: DescMessage[] = [];
  for (const name of globSync('**/*_pb.ts', { cwd: gen })) {
    const module: Record<string, unknown> = await import(path.join(gen, name));
    messages.push(...Object.values(module).filter(isMessage));
  }
  return createRegistry(...messages);
}

/** Every generated type. */
const registry = await loadRegistry();

/** The resources of one type in order of name. */
function renderMap(resources: ResourceMap, useProtoFieldName: boolean): JsonValue[] {
  return [...resources.values()].map(({ message }) => {
    const schema = registry.getMessage(message.$typeName);
    if (schema === undefined) throw new Error(`${message.$typeName} is not generated`);
    return toJson(schema, message, { registry, useProtoFieldName });
  });
}

/** Everything that a proxy gets, by type; fields are named as in .proto files, or as JSON usually has them. */
export function render(compiled: Compiled, useProtoFieldName = true): Record<string, JsonValue[]> {
  const { listeners, routes, clusters, endpoints, secrets } = compiled;
  return {
    listeners: renderMap(listeners, useProtoFieldName),
    routes: renderMap(routes, useProtoFieldName),
    clusters: renderMap(clusters, useProtoFieldName),
    endpoints: renderMap(endpoints, useProtoFieldName),
    secrets: renderMap(secrets, useProtoFieldName),
  };
}
