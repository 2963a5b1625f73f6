/** Secrets from a file, as Envoy's `path_config_source` has them: a discovery response in YAML or JSON, read anew when it changes. */
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { checkSupported } from './check-supported.ts';

/** Time for whoever writes to finish, in milliseconds. */
const SETTLE_MS = 50;
const SECRET_TYPE_NAME = `type.googleapis.com/${SecretSchema.typeName}`;

async function parse(file: string): Promise<JsonValue> {
  const text = await readFile(file, 'utf8');
  const json: JsonValue = file.endsWith('.json') ? JSON.parse(text) : (await import('./yaml.ts')).parseYaml(text);
  return json;
}

/** The secrets of a discovery response in JSON. Throws where it is none. */
function secretsOf(json: JsonValue): Secret[] {
  const resources = typeof json === 'object' && json !== null && !Array.isArray(json) ? json['resources'] : undefined;
  if (!Array.isArray(resources)) throw new Error('"resources" is not a list');
  return resources.map((resource, i) => {
    if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) throw new Error(`resources[${i}] is not a secret`);
    const { '@type': type, ...fields } = resource;
    if (type !== SECRET_TYPE_NAME) throw new Error(`resources[${i}] is not a ${SECRET_TYPE_NAME}`);
    const secret = fromJson(SecretSchema, fields);
    checkSupported(SecretSchema, secret, `resources[${i}]`);
    return secret;
  });
}

/** Reads `file` now and after each change of its folder (a rename counts too). A file that is wrong leaves what was. */
export function watchSecretFile(file: string, onSecrets: (secrets: readonly Secret[]) => void, log: Log): () => void {
  let timer: NodeJS.Timeout | undefined;
  const load = async (): Promise<void> => {
    try {
      onSecrets(secretsOf(await parse(file)));
    } catch (error) {
      log.warn('secrets cannot be read', { file, error: messageOf(error) });
    }
  };
  void load();
  try {
    const watcher = watch(path.dirname(file), { persistent: false }, () => {
      clearTimeout(timer);
      timer = setTimeout(() => void load(), SETTLE_MS).unref();
    });
    return () => watcher.close();
  } catch (error) {
    log.warn('secrets are not watched', { file, error: messageOf(error) });
    return () => {};
  }
}
