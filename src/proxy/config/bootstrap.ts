/** Reads an Envoy v3 bootstrap file, YAML or JSON. What is wrong is told with its field, and its line where one can be found. */
import { readFileSync } from 'node:fs';
import { type DescField, type DescMessage, fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { type Bootstrap, BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { typeRegistry } from '../admin/type-registry.ts';
import { checkSupported } from './check-supported.ts';
import type { YamlSource } from './yaml.ts';

/** A bootstrap with what is needed to say where in its file something stands. */
export interface LoadedBootstrap {
  readonly bootstrap: Bootstrap;
  /** The error with `file:line` in front, where its path stands in the file. */
  locate(error: ConfigError): ConfigError;
}

const NO_LINES = (): undefined => undefined;

/** `a.b[0][x.y]` as its steps. */
function stepsOf(path: string): (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|\[([^\]]*)\]|([^.[\]]+)/g)].map(([, index, key, name]) =>
    index === undefined ? (key ?? name ?? '') : Number(index),
  );
}

async function readSource(file: string): Promise<YamlSource> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(file, `cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (file.endsWith('.json')) {
    try {
      const json: JsonValue = JSON.parse(text);
      return { json, lineOf: NO_LINES };
    } catch (cause) {
      throw new ConfigError(file, messageOf(cause), { cause });
    }
  }
  return (await import('./yaml.ts')).readYaml(text, file);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkField(field: DescField, value: JsonValue, path: string): void {
  const desc = field.fieldKind === 'message' || field.fieldKind === 'list' || field.fieldKind === 'map' ? field.message : undefined;
  if (desc === undefined) return;
  if (field.fieldKind === 'list' && Array.isArray(value)) value.forEach((item, i) => checkKeys(desc, item, `${path}[${i}]`));
  else if (field.fieldKind === 'map' && isObject(value))
    for (const [key, item] of Object.entries(value)) checkKeys(desc, item, `${path}[${key}]`);
  else checkKeys(desc, value, path);
}

/** Names the first key that is no field, or the first type that is not known: protobuf's own reader does not say where. */
function checkKeys(desc: DescMessage, value: JsonValue, path: string): void {
  if (!isObject(value)) return;
  let message = desc;
  if (desc.typeName === 'google.protobuf.Any') {
    const type = value['@type'];
    if (typeof type !== 'string') throw new ConfigError(path, '"@type" is missing');
    const known = typeRegistry.getMessage(type.slice(type.lastIndexOf('/') + 1));
    if (known === undefined) throw new ConfigError(path, `${type} is not supported by Tulle`);
    message = known;
  }
  if (message.typeName.startsWith('google.protobuf.')) return;
  for (const [key, item] of Object.entries(value)) {
    if (key === '@type') continue;
    const field = message.fields.find((candidate) => candidate.name === key || candidate.jsonName === key);
    const at = path === '' ? key : `${path}.${key}`;
    if (field === undefined) throw new ConfigError(at, `no such field in ${message.typeName}`);
    checkField(field, item, at);
  }
}

/** Decodes a bootstrap from JSON. Throws ConfigError for unknown, wrong and unsupported fields. */
export function parseBootstrap(json: JsonValue): Bootstrap {
  checkKeys(BootstrapSchema, json, '');
  let bootstrap: Bootstrap;
  try {
    bootstrap = fromJson(BootstrapSchema, json, { registry: typeRegistry });
  } catch (cause) {
    throw new ConfigError('', messageOf(cause), { cause });
  }
  checkSupported(BootstrapSchema, bootstrap, '');
  return bootstrap;
}

/** Reads a bootstrap file; `.json` is JSON, everything else YAML. */
export async function loadBootstrap(file: string): Promise<LoadedBootstrap> {
  const { json, lineOf } = await readSource(file);
  const locate = (error: ConfigError): ConfigError => {
    const line = lineOf(stepsOf(error.path));
    return new ConfigError(line === undefined ? file : `${file}:${line}`, error.message, { cause: error });
  };
  try {
    return { bootstrap: parseBootstrap(json), locate };
  } catch (error) {
    throw error instanceof ConfigError ? locate(error) : error;
  }
}
