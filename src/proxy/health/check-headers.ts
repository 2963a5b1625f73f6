/** Fields that health checks add to their requests and take away. Envoy: HeaderValueOption; commands are refused. */
import { ConfigError } from '../../core/errors.ts';
import type { HeaderMap } from '../../wire/http/message.ts';
import type { HeaderValueOption } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { headerAddition, modifiableName } from '../router/header-mutations.ts';

/** The text of a value. No client's request is behind a check, so that there is nothing for commands to tell of. */
function readValue(source: string, path: string): () => string {
  const text = source.replaceAll('%%', '\0');
  if (text.includes('%')) throw new ConfigError(path, `"${source}" has a command, which Tulle's health checks do not know`);
  const value = text.replaceAll('\0', '%');
  return () => value;
}

/** Prepares the changes, removals first. `adds` and `removes` come with their paths. */
export function readCheckHeaders(
  adds: { readonly options: readonly HeaderValueOption[]; readonly path: string },
  removes: { readonly names: readonly string[]; readonly path: string },
): (headers: HeaderMap) => void {
  const removed = removes.names.map((name, i) => modifiableName(name, `${removes.path}[${i}]`));
  const added = adds.options.map((option, i) => headerAddition<undefined>(option, `${adds.path}[${i}]`, readValue));
  return (headers) => {
    for (const name of removed) headers.remove(name);
    for (const add of added) add(headers, undefined);
  };
}
