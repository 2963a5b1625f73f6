/**
 * Conditions of policies, and their partial evaluation. Most of what RBAC asks (who the peer is, which port it came to)
 * holds as long as a connection does, so a condition is first reduced to what is left to ask of each request: often
 * nothing.
 */
import type { RequestHead } from '../../wire/http/message.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { DownstreamConnection } from '../listener/connection.ts';

/** What a condition may look at: an HTTP stream, or a connection alone (no request, no info). */
export interface AuthzInput {
  readonly connection: DownstreamConnection;
  readonly request: RequestHead | undefined;
  readonly info: StreamInfo | undefined;
  /** Of a connection without HTTP: what expressions look at. */
  readonly tcp?: StreamInfo;
}

/** A fact of a connection that some condition looks at: what makes two connections alike for it. */
export type Fact = 'principal' | 'source' | 'peer' | 'destination' | 'server-name';

export type Condition =
  | { readonly kind: 'connection'; readonly fact: Fact; readonly holds: (connection: DownstreamConnection) => boolean }
  | { readonly kind: 'request'; readonly holds: (input: AuthzInput) => boolean }
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition };

/** What is left of a condition for a connection: decided, or still to be asked of each request. */
export type Residual = boolean | ((input: AuthzInput) => boolean);

type Test = (input: AuthzInput) => boolean;

/** Asks all until one gives `deciding`. A loop: closures for every request were a tenth of all that a proxy allocates. */
function testAll(tests: readonly Test[], deciding: boolean): Test {
  return (input) => {
    for (const test of tests) if (test(input) === deciding) return deciding;
    return !deciding;
  };
}

/** Combines what is left: `deciding` is the value that settles it (false for and, true for or). */
function reduceAll(conditions: readonly Condition[], connection: DownstreamConnection, deciding: boolean): Residual {
  const rest: Test[] = [];
  for (const condition of conditions) {
    const residual = reduce(condition, connection);
    if (residual === deciding) return deciding;
    if (typeof residual === 'function') rest.push(residual);
  }
  const [only] = rest;
  if (only === undefined) return !deciding;
  if (rest.length === 1) return only;
  return testAll(rest, deciding);
}

/** Decides all of a condition that depends on the connection alone. */
export function reduce(condition: Condition, connection: DownstreamConnection): Residual {
  switch (condition.kind) {
    case 'constant':
      return condition.value;
    case 'connection':
      return condition.holds(connection);
    case 'request':
      return condition.holds;
    case 'and':
      return reduceAll(condition.of, connection, false);
    case 'or':
      return reduceAll(condition.of, connection, true);
    case 'not': {
      const residual = reduce(condition.of, connection);
      return typeof residual === 'function' ? (input) => !residual(input) : !residual;
    }
  }
}

/** Adds the facts that a condition looks at to `into`. */
export function collectFacts(condition: Condition, into: Set<Fact>): void {
  if (condition.kind === 'connection') into.add(condition.fact);
  else if (condition.kind === 'not') collectFacts(condition.of, into);
  else if (condition.kind === 'and' || condition.kind === 'or') for (const inner of condition.of) collectFacts(inner, into);
}

/** A condition that always or never holds. */
export function constant(value: boolean): Condition {
  return { kind: 'constant', value };
}
