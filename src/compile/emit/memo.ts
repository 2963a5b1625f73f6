/**
 * Memoisation by identity: the one means of incremental compilation. A step is a pure function of parts of the model
 * that stay the same objects while they do not change, so the same arguments give the same result object.
 */
import { changedElements, isSameList, keptList, withElements } from '../dialects/build/changed-positions.ts';
import { isTracing, noted, traceOf } from './trace.ts';

/** A place in the tree of arguments; what it does not need it has not, for there are many and collectors look at each. */
interface Node {
  objects: WeakMap<object, Node> | undefined;
  primitives: Map<unknown, Node> | undefined;
}

function emptyNode(): Node {
  return { objects: undefined, primitives: undefined };
}

function child(node: Node, argument: unknown): Node {
  if (typeof argument === 'object' && argument !== null) {
    node.objects ??= new WeakMap();
    const found = node.objects.get(argument);
    if (found !== undefined) return found;
    const made = emptyNode();
    node.objects.set(argument, made);
    return made;
  }
  node.primitives ??= new Map();
  const found = node.primitives.get(argument);
  if (found !== undefined) return found;
  const made = emptyNode();
  node.primitives.set(argument, made);
  return made;
}

/** The answer for the scope behind a view among `args`, noted as a read; undefined where none of them is a view. */
function askedOfView<Args extends readonly unknown[], Result>(
  args: Args,
  ask: (...args: Args) => Result,
): { readonly answer: Result } | undefined {
  const places = args.map((argument) => traceOf(argument) !== undefined);
  const trace = args.map(traceOf).find((found) => found !== undefined);
  if (trace === undefined) return undefined;
  // the same tuple with a scope for each view of one, which no type can say of a list
  const answer = noted(trace, (scope) => ask(...(args.map((argument, i) => (places[i] === true ? scope : argument)) as unknown as Args)));
  return { answer };
}

/**
 * `compute` with its results remembered: objects among the arguments count by identity and are held weakly, others
 * by value. Results live as long as the first argument, which must therefore be an object. Asked with a view of a scope
 * (`traced`) it answers for the scope, and the answer is a read of the view's.
 */
export function memoised<Args extends readonly [object, ...unknown[]], Result>(
  compute: (...args: Args) => Result,
): (...args: Args) => Result {
  const root = emptyNode();
  const results = new WeakMap<Node, { readonly value: Result }>();
  const remembered = (...args: Args): Result => {
    const asked = isTracing() ? askedOfView(args, remembered) : undefined;
    if (asked !== undefined) return asked.answer;
    let node = root;
    for (const argument of args) node = child(node, argument);
    const known = results.get(node);
    if (known !== undefined) return known.value;
    const value = compute(...args);
    results.set(node, { value });
    return value;
  };
  return remembered;
}

/**
 * `compute` with the last result of each `key` remembered, for as long as the other arguments are the same objects: one
 * look-up for each of a thousand proxies, and one result kept, where {@link memoised} has a look-up for each argument and
 * keeps every result.
 */
export function lastOfEach<Key extends object, Args extends readonly unknown[], Result>(
  compute: (key: Key, ...args: Args) => Result,
): (key: Key, ...args: Args) => Result {
  const lasts = new WeakMap<Key, { readonly args: Args; readonly result: Result }>();
  return (key, ...args) => {
    const last = lasts.get(key);
    if (last !== undefined && isSameList(last.args, args)) return last.result;
    const result = compute(key, ...args);
    lasts.set(key, { args, result });
    return result;
  };
}

/**
 * Maps lists one after the other: what is made of elements that stay in their places is not asked for again, and a list
 * of the same results is the same list. One mapper follows one succession of lists.
 */
export function listMapper<Element extends object, Result>(
  resultOf: (element: Element) => Result,
): (next: readonly Element[]) => readonly Result[] {
  let elements: readonly Element[] = [];
  let results: readonly Result[] = [];
  return (next) => {
    const former = results;
    const changed = changedElements(elements, next);
    elements = next;
    if (changed !== undefined) results = withElements(former, new Map([...changed].map(([i, element]) => [i, resultOf(element)])));
    else results = keptList(former, next.map(resultOf));
    return results;
  };
}
