/** Reads an Envoy v3 bootstrap file, YAML or JSON. What is wrong is told with its field, and its line where one can be found. */
import { readFileSync } from 'node:fs';
import type { JsonValue } from '@bufbuild/protobuf';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { type Bootstrap, BootstrapSchema } from '../../xds/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { decodeJson } from '../../xds/codec/from-json.ts';
import { typeRegistry } from '../../xds/type-registry.ts';
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

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(file, `cannot be read: ${messageOf(cause)}`, { cause });
  }
}

async function readSource(text: string, file: string): Promise<YamlSource> {
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

/** Decodes a bootstrap from JSON. Throws ConfigError for unknown, wrong and unsupported fields. */
export function parseBootstrap(json: JsonValue): Bootstrap {
  const bootstrap = decodeJson(BootstrapSchema, json, typeRegistry);
  checkSupported(BootstrapSchema, bootstrap, '');
  return bootstrap;
}

/** Reads a bootstrap file; `.json` is JSON, everything else YAML. */
export async function loadBootstrap(file: string): Promise<LoadedBootstrap> {
  return await readBootstrap(textOf(file), file);
}

/** Reads a bootstrap's text; `file` says where it is from, and by its end what it is. */
export async function readBootstrap(text: string, file: string): Promise<LoadedBootstrap> {
  const { json, lineOf } = await readSource(text, file);
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
