/** Secrets from a file, as Envoy's `path_config_source` has them: a discovery response in YAML or JSON, read anew when it changes. */
import { readFile } from 'node:fs/promises';
import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { messageOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { type Secret, SecretSchema } from '../../xds/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { foldersOf, watchFolders } from '../tls/watched-files.ts';
import { checkSupported } from './check-supported.ts';

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

/**
 * Reads `file` now and after each change of its folder, or of `directory` (a rename counts too). A file that is wrong, or
 * whose secrets cannot be used, leaves what was. Returns how to stop.
 */
export function watchSecretFile(
  file: string,
  directory: string | undefined,
  onSecrets: (secrets: readonly Secret[]) => void,
  log: Log,
): () => void {
  let told = '';
  const load = async (): Promise<void> => {
    let wrong = '';
    try {
      onSecrets(secretsOf(await parse(file)));
    } catch (error) {
      wrong = messageOf(error);
    }
    // tried again at each change in the folder, since files that the secrets name may come later; told once
    if (wrong !== '' && wrong !== told) log.warn('secrets cannot be read', { file, error: wrong });
    told = wrong;
  };
  void load();
  try {
    return watchFolders(foldersOf([file], directory), () => void load());
  } catch (error) {
    log.warn('secrets are not watched', { file, error: messageOf(error) });
    return () => {};
  }
}
