import { watchFolder } from '../control/sources/files.ts';
import { messageOf } from '../core/errors.ts';
import { silentLog } from '../core/log.ts';
import { CliError } from './errors.ts';

/** Texts of the YAML files below a folder, by path relative to it, as a control plane reads them. Throws CliError. */
export async function readFolder(folder: string): Promise<ReadonlyMap<string, string>> {
  const options = { folder, ignore: [], quietMs: 1000, maxMs: 1000, pollMs: 60_000, log: silentLog };
  const source = await watchFolder(options, () => undefined).catch((error: unknown) => {
    throw new CliError(`the folder ${folder} cannot be read: ${messageOf(error)}`, 'name the folder with the YAML files', { cause: error });
  });
  source.close();
  return source.texts;
}
