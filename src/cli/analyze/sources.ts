/** Where `tulle analyze` reads from: files, folders, its input, or a running mesh. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { Protocol } from '../../model/service.ts';
import type { WorkloadInstance } from '../../model/workload.ts';
import { callControl } from '../admin-client.ts';
import { CliError } from '../errors.ts';
import { isObject, type JsonObject, objectsOf, rowsAt, textOf } from '../json.ts';
import { readTexts } from '../read-texts.ts';
import type { StateDir } from '../state-dir.ts';

/** What is analysed. */
export interface Sources {
  /** By name, relative to the working directory where they are files. */
  readonly texts: ReadonlyMap<string, string>;
  readonly instances: readonly WorkloadInstance[];
}

/** What the control plane reads of a folder: YAML, nothing hidden, no packages (`control/sources/files.ts`). */
function isRead(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.startsWith('.');
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (!entry.isDirectory()) return isRead(entry.name) ? [full] : [];
    return entry.name.startsWith('.') || entry.name === 'node_modules' ? [] : filesBelow(full);
  });
}

function textsOf(file: string): readonly (readonly [string, string])[] {
  try {
    if (file === '-') return [['<stdin>', readFileSync(0, 'utf8')]];
    const files = statSync(file).isDirectory() ? filesBelow(file).toSorted() : [file];
    if (files.length === 0) throw new CliError(`there is no YAML file in ${file}`, 'files end in .yaml or .yml');
    return files.map((each) => [path.relative('.', each), readFileSync(each, 'utf8')]);
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(`${file} cannot be read: ${messageOf(error)}`, '', { cause: error });
  }
}

/** Files as they are, folders with all that is below them; `-` is the input. Throws CliError. */
export function readPaths(paths: readonly string[]): Sources {
  return { texts: new Map(paths.flatMap(textsOf)), instances: [] };
}

const PROTOCOLS = [
  'http',
  'http2',
  'grpc',
  'grpc-web',
  'https',
  'tls',
  'tcp',
  'mongo',
  'redis',
  'mysql',
  'auto',
] as const satisfies readonly Protocol[];

function portOf(row: JsonObject): WorkloadInstance['ports'][number] {
  const number = Number(row['number']);
  const listen = row['listen'] === undefined ? number : Number(row['listen']);
  return { name: textOf(row['name']), number, listen, protocol: PROTOCOLS.find((word) => word === row['protocol']) ?? 'auto' };
}

function textMap(value: unknown): Readonly<Record<string, string>> {
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, text]) => [name, textOf(text)])) : {};
}

function instanceOf(row: JsonObject): WorkloadInstance {
  return {
    id: textOf(row['id']),
    workload: textOf(row['workload']),
    namespace: textOf(row['namespace']),
    labels: textMap(row['labels']),
    serviceAccount: textOf(row['serviceAccount']),
    address: textOf(row['address']),
    ports: objectsOf(row['ports']).map(portOf),
    locality: textOf(row['locality']),
    isReady: row['isReady'] === true,
    isMeshed: row['isMeshed'] === true,
    ...(row['isGateway'] === true ? { isGateway: true } : {}),
  };
}

/** What a running control plane reads, and what is registered with it. Throws CliError where it does not answer. */
export async function readMesh(state: StateDir): Promise<Sources> {
  const [texts, registered] = await Promise.all([readTexts(state, '/api/sources'), callControl(state, '/api/instances')]);
  const instances = rowsAt(registered, 'instances');
  return { texts, instances: instances.map(instanceOf) };
}
