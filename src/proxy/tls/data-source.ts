import { readFileSync } from 'node:fs';
import process from 'node:process';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { DataSource } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';

/** The text that a DataSource holds or points to. Throws ConfigError where there is none. */
export function readDataSource(source: DataSource | undefined, path: string): string {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case 'inlineString':
      return specifier.value;
    case 'inlineBytes':
      return Buffer.from(specifier.value).toString('utf8');
    case 'filename':
      try {
        return readFileSync(specifier.value, 'utf8');
      } catch (cause) {
        throw new ConfigError(`${path}.filename`, `cannot be read: ${messageOf(cause)}`, { cause });
      }
    case 'environmentVariable': {
      const value = process.env[specifier.value];
      if (value === undefined) throw new ConfigError(`${path}.environment_variable`, `${specifier.value} is not set`);
      return value;
    }
    default:
      throw new ConfigError(path, 'is missing');
  }
}
