/** A plan for people. */
import { CHANGE_MARKS } from '../change-marks.ts';
import type { TouchedProxy } from './proxy-changes.ts';
import type { RequestChange } from './request-changes.ts';
import type { ResourceChange } from '../../compile/changes/resource-changes.ts';

export interface Plan {
  readonly resources: readonly ResourceChange[];
  readonly proxies: readonly TouchedProxy[];
  /** How many requests were asked about. */
  readonly asked: number;
  readonly requests: readonly RequestChange[];
}

const NAMES_MAX = 5;

function proxyLine({ workload, changes }: TouchedProxy): string {
  const byType = Map.groupBy(changes, ({ type }) => type);
  const parts = [...byType].map(([type, own]) => {
    const names = own.slice(0, NAMES_MAX).map(({ change, name }) => `${CHANGE_MARKS[change]}${name}`);
    return `${type} ${names.join(' ')}${own.length > NAMES_MAX ? ` and ${own.length - NAMES_MAX} more` : ''}`;
  });
  return `  ${workload}: ${parts.join('; ')}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function requestLines({ count, from, to, before, after }: RequestChange): string[] {
  return [`  ${counted(count, 'request', 'requests')} from ${from} to ${to} would become`, `      ${after}`, `    from ${before}`];
}

/** The text of `tulle plan`; `noRequests` is what is said where no request was asked about. Ends with a newline. */
export function renderPlan({ resources, proxies, asked, requests }: Plan, noRequests = ''): string {
  const note = asked > 0 || noRequests === '' ? [] : ['', noRequests];
  if (resources.length === 0 && proxies.length === 0 && requests.length === 0) return `${['nothing would change', ...note].join('\n')}\n`;
  const lines = [
    counted(resources.length, 'resource', 'resources'),
    ...resources.map(({ change, resource, file, line }) => `  ${CHANGE_MARKS[change]} ${resource}  [${file}:${line}]`),
    '',
    `${counted(proxies.length, 'proxy', 'proxies')} would get other configuration`,
    ...proxies.map(proxyLine),
  ];
  if (asked > 0)
    lines.push(
      '',
      `${requests.reduce((sum, { count }) => sum + count, 0)} of ${counted(asked, 'request', 'requests')} would be routed or decided otherwise`,
      ...requests.flatMap(requestLines),
    );
  lines.push(...note);
  return `${lines.join('\n')}\n`;
}
