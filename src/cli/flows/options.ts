/** What `tulle flows` and `tulle tap` ask for: the same filters, as options and as a query of `/api/flows`. */
import { type Command, Option } from 'commander';
import { FLOW_PROTOCOLS, REPORTERS, VERDICTS } from '../../model/flow.ts';
import { RefusedError } from '../admin-client.ts';
import { usageError } from '../errors.ts';

export interface FlowOptions {
  readonly from?: string;
  readonly to?: string;
  readonly service?: string;
  readonly route?: string;
  readonly status?: string;
  readonly method?: string;
  readonly path?: string;
  readonly protocol?: string;
  readonly reporter?: string;
  readonly verdict?: string;
  readonly denied?: boolean;
  readonly failed?: boolean;
}

/** `shop/web`, or `web` of whatever namespace, as the control plane writes it. */
export function endOf(name: string, option: string): string {
  if (/^[^/\s]+$/.test(name)) return `*/${name}`;
  if (/^[^/\s]+\/[^/\s]+$/.test(name)) return name;
  throw usageError(`${option}: "${name}" is no workload`, 'write name, or namespace/name');
}

function verdictsOf({ verdict, denied, failed }: FlowOptions): string | undefined {
  const verdicts = [...(verdict?.split(',') ?? []), ...(denied === true ? ['denied'] : []), ...(failed === true ? ['failed'] : [])];
  return verdicts.length === 0 ? undefined : [...new Set(verdicts)].join(',');
}

/** The filters as a query; `workload` is either end. */
export function flowQuery(workload: string | undefined, options: FlowOptions): URLSearchParams {
  const { from, to, service, route, status, method, path, protocol, reporter } = options;
  const fields = {
    workload: workload && endOf(workload, 'the workload'),
    source: from && endOf(from, '--from'),
    destination: to && endOf(to, '--to'),
    verdict: verdictsOf(options),
    service,
    route,
    status,
    method,
    path,
    protocol,
    reporter,
  };
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(fields)) if (value !== undefined && value !== '') query.set(key, value);
  return query;
}

const FLAGS: Readonly<Record<string, string>> = { workload: 'the workload', source: '--from', destination: '--to' };

/** `error`, or what is wrong with the command line where the control plane refused a filter (`"since" must be …, not "5x"`). */
export function filterError(error: unknown, flags = FLAGS): unknown {
  if (!(error instanceof RefusedError)) return error;
  const [, key = '', wanted = '', given = ''] = /^"(\w+)" must be (.*), not (".*")$/.exec(error.message) ?? [];
  return key === '' ? error : usageError(`${flags[key] ?? `--${key}`}: ${given} cannot be read`, `write ${wanted}`, error);
}

/** Adds the filters to a command. */
export function addFlowOptions(command: Command): Command {
  return command
    .argument('[workload]', 'only what it calls, and who calls it: name, or namespace/name')
    .option('--from <workload>', 'only what this workload calls')
    .option('--to <workload>', 'only calls of this workload')
    .option('--service <host>', 'only calls of this service: its host, or the beginning of it')
    .option('--route <name>', 'only what took this route')
    .option('--status <status>', 'only answers with it: 503, 5xx, or several with commas')
    .option('--method <method>', 'only requests with it')
    .option('--path <path>', 'only requests to it; with * at its end what begins so')
    .addOption(new Option('--protocol <protocol>', 'only this').choices(FLOW_PROTOCOLS))
    .addOption(new Option('--reporter <side>', "only what the caller's proxy tells, or the called one's").choices(REPORTERS))
    .addOption(new Option('--verdict <verdict>', `what became of it: ${VERDICTS.join(', ')}, or several with commas`))
    .option('--denied', 'only what a policy denied')
    .option('--failed', 'only what got no answer of the other side');
}
