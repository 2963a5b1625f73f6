import { ConfigError } from '../../../core/errors.ts';
import type { ReadSecretSource } from '../secret-sources.ts';

/** For tests: there are no servers of SDS. */
export const noSources: ReadSecretSource = (_source, path) => {
  throw new ConfigError(path, 'there is no server');
};
