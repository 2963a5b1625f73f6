/** `condition` of RBAC policies: an expression of the Common Expression Language over the request, or the connection alone. */
import { ConfigError } from '../../core/errors.ts';
import type { Expr } from '../../xds/gen/google/api/expr/v1alpha1/syntax_pb.ts';
import { compileExpression } from '../telemetry/cel/expression.ts';
import type { Condition } from './condition.ts';
import { exprText } from './cel-text.ts';

/** What it may name is known wherever the policy stands; these attributes are not. */
const UNKNOWN = /(?<![."'\w])(?:node|xds)\b/;

/** Compiles a condition that stands at `path`. One that has no value, or another than true, does not hold. Throws ConfigError. */
export function compileCelCondition(expr: Expr, path: string): Condition {
  const text = exprText(expr, path);
  if (UNKNOWN.test(text)) throw new ConfigError(path, `${text}: the attributes node and xds are not supported by Tulle here`);
  const scope = { node: { id: '', cluster: '', metadata: {} }, listenerMetadata: {} };
  const [inbound, outbound, unspecified] = (['inbound', 'outbound', 'unspecified'] as const).map((direction) =>
    compileExpression(text, path, { ...scope, direction }),
  );
  const byDirection = { inbound, outbound, unspecified };
  return {
    kind: 'request',
    holds: ({ connection, info, tcp }) => {
      const stream = info ?? tcp;
      return stream !== undefined && byDirection[connection.direction]?.(stream) === true;
    },
  };
}
