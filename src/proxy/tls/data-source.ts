import { readFileSync } from 'node:fs';
import process from 'node:process';
import { ConfigError, messageOf } from '../../core/errors.ts';
import type { DataSource } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';

/** The bytes that a DataSource holds or points to. Throws ConfigError where there are none. */
export function readDataBytes(source: DataSource | undefined, path: string): Buffer {
  const specifier = source?.specifier;
  switch (specifier?.case) {
    case 'inlineString':
      return Buffer.from(specifier.value);
    case 'inlineBytes':
      return Buffer.from(specifier.value);
    case 'filename':
      try {
        return readFileSync(specifier.value);
      } catch (cause) {
        throw new ConfigError(`${path}.filename`, `cannot be read: ${messageOf(cause)}`, { cause });
      }
    case 'environmentVariable': {
      const value = process.env[specifier.value];
      if (value === undefined) throw new ConfigError(`${path}.environment_variable`, `${specifier.value} is not set`);
      return Buffer.from(value);
    }
    default:
      throw new ConfigError(path, 'is missing');
  }
}

/** As `readDataBytes`, as text. */
export function readDataSource(source: DataSource | undefined, path: string): string {
  return readDataBytes(source, path).toString('utf8');
}

/** The file that a DataSource names; undefined where it names none. */
export function fileOf(source: DataSource | undefined): string | undefined {
  return source?.specifier.case === 'filename' ? source.specifier.value : undefined;
}
