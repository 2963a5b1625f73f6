/** Why nothing was found: names that the mesh does not have. */
import { closest } from '../../compile/schema/suggest.ts';
import { callControl } from '../admin-client.ts';
import { rowsAt, textOf } from '../json.ts';
import type { StateDir } from '../state-dir.ts';
import { isNamed } from './rows.ts';

/** Names that were asked for; '' and undefined are none. */
export interface AskedNames {
  // `web`, `shop/web`, or either with any namespace as an asterisk
  readonly workloads?: readonly (string | undefined)[];
  /** Hosts, or the beginning of them. */
  readonly services?: readonly (string | undefined)[];
  readonly namespace?: string | undefined;
}

/** What there is: workloads as `namespace/name`, and hosts of services. */
export interface KnownNames {
  readonly workloads: readonly string[];
  readonly services: readonly string[];
}

/** ` (did you mean shop/web?)`: the one of `known` that is nearest, said as completely or as shortly as `name` is. */
function nearText(name: string, known: readonly string[]): string {
  const partOf = (each: string): string =>
    name.includes('/') ? each : (each.split('/').at(-1)?.split('.').slice(0, name.split('.').length).join('.') ?? each);
  const near = closest(name, known.map(partOf));
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}

/** Says which of `asked` are not among `known`, and what may have been meant; '' where all are. */
export function unknownText({ workloads = [], services = [], namespace = '' }: AskedNames, known: KnownNames): string {
  const missing = (kind: string, names: readonly (string | undefined)[], of: readonly string[]): string[] =>
    names.flatMap((asked = '') => {
      const name = asked.replace(/^\*\//, '');
      return name === '' || of.some((each) => isNamed(each, name)) ? [] : [`${kind} ${name}${nearText(name, of)}`];
    });
  const namespaces = [...new Set(known.workloads.map((each) => each.split('/')[0] ?? ''))];
  const all = [
    ...missing('workload', workloads, known.workloads),
    ...missing('service', services, known.services),
    ...(namespace === '' || namespaces.includes(namespace) ? [] : [`workload in ${namespace}${nearText(namespace, namespaces)}`]),
  ];
  return all.length === 0 ? '' : `the mesh has no ${all.join(', and no ')}`;
}

async function listed(state: StateDir, call: string, key: string) {
  const answer = await callControl(state, call);
  return rowsAt(answer, key);
}

/** {@link unknownText} of the running mesh. Throws CliError where the control plane does not answer. */
export async function unknownNames(state: StateDir, asked: AskedNames): Promise<string> {
  const [instances, workloads, services] = await Promise.all([
    listed(state, '/api/instances', 'instances'),
    listed(state, '/api/workloads', 'workloads'),
    listed(state, '/api/services', 'services'),
  ]);
  return unknownText(asked, {
    workloads: [
      ...instances.map((each) => `${textOf(each['namespace'])}/${textOf(each['workload'])}`),
      ...workloads.map((each) => `${textOf(each['namespace'])}/${textOf(each['name'])}`),
    ],
    services: services.map((each) => textOf(each['hostname'])),
  });
}
