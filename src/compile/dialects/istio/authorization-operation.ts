import type { AuthorizationOperation } from '../../../model/security.ts';
import { object, optional, type Infer } from '../../schema/schema.ts';
import type { Lowering } from '../dialect.ts';
import { checkFormat, checkNotEmpty, checkStars, lowerValues, valuesSchema } from './authorization-values.ts';

/** What is called; all fields must match. */
export const operationSchema = object({
  hosts: optional(valuesSchema, 'Hosts, without regard to case.'),
  notHosts: optional(valuesSchema, 'Hosts that do not match.'),
  ports: optional(valuesSchema, 'Ports of the workload.'),
  notPorts: optional(valuesSchema, 'Ports that do not match.'),
  methods: optional(valuesSchema, 'Methods; POST for gRPC.'),
  notMethods: optional(valuesSchema, 'Methods that do not match.'),
  paths: optional(
    valuesSchema,
    'Paths without the query; {*} stands for one segment, {**} for any number; /package.Service/Method for gRPC.',
  ),
  notPaths: optional(valuesSchema, 'Paths that do not match.'),
});

type Written = Infer<typeof operationSchema>;

const OPERATORS = /\{[^{}]*\}/g;

/** Templates: an operator is a whole segment, `{**}` the last of them, and no stars beside operators. */
function pathProblem(path: string): string | undefined {
  if (!path.includes('{') && !path.includes('}')) {
    return path.slice(1, -1).includes('*') ? 'a star may stand at the beginning or the end only' : undefined;
  }
  const segments = path.split('/');
  const rest = path.replaceAll(OPERATORS, '');
  if (/[{}*]/.test(rest)) return 'a template has {*} and {**} only, and no stars beside them';
  let isAfterAny = false;
  for (const segment of segments) {
    if (!segment.includes('{')) continue;
    if (segment !== '{*}' && segment !== '{**}') return '{*} and {**} stand for whole segments';
    if (isAfterAny) return '{**} must be the last operator';
    isAfterAny = segment === '{**}';
  }
  return undefined;
}

function check(written: Written, lowering: Lowering): void {
  checkNotEmpty(written, 'operation', lowering);
  for (const field of ['ports', 'notPorts'] as const) checkFormat(written, field, written[field], 'port-number', lowering);
  for (const field of ['hosts', 'notHosts', 'methods', 'notMethods'] as const) checkStars(written, field, written[field], lowering);
  for (const field of ['paths', 'notPaths'] as const) {
    for (const [index, path] of (written[field] ?? []).entries()) {
      const problem = pathProblem(path);
      if (problem !== undefined) lowering.error('TUL013', written, `${field}[${index}]`, `found "${path}": ${problem}`);
    }
  }
}

/** The operation in the model. */
export function lowerOperation(written: Written, lowering: Lowering): AuthorizationOperation {
  check(written, lowering);
  return {
    hosts: lowerValues(written.hosts, written.notHosts),
    ports: lowerValues(written.ports, written.notPorts),
    methods: lowerValues(written.methods, written.notMethods),
    paths: lowerValues(written.paths, written.notPaths),
  };
}
