import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COLLECT, CONTINUE, type FilterStatus, type HttpFilterHandlers, STOP, TAKEN, TAKEN_STOP } from './filter.ts';
import { FilterGate, type GateSide } from './filter-gate.ts';
import { requestOrder } from './filter-order.ts';

/** A filter by what its handlers say; each is noted under its name. */
interface Script {
  readonly name: string;
  readonly headers?: () => FilterStatus;
  readonly data?: (text: string) => FilterStatus;
  readonly end?: () => FilterStatus;
  readonly body?: (text: string, isWhole: boolean) => FilterStatus;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

class Bench {
  readonly log: string[] = [];
  readonly gate: FilterGate;
  readonly handlers: HttpFilterHandlers[];
  readonly #order: ReturnType<typeof requestOrder>;

  constructor(scripts: readonly Script[]) {
    const note = (line: string): void => void this.log.push(line);
    this.handlers = scripts.map(({ name, headers, data, end, body }) => ({
      ...(headers === undefined ? {} : { onRequestHeaders: () => (note(`${name}.head`), headers()) }),
      ...(data === undefined ? {} : { onRequestData: (_: unknown, view: Uint8Array) => (note(`${name} ${text(view)}`), data(text(view))) }),
      ...(end === undefined ? {} : { onRequestEnd: () => (note(`${name}.end`), end()) }),
      ...(body === undefined
        ? {}
        : {
            onRequestBody: (_: unknown, view: Uint8Array, isWhole: boolean) => (note(`${name}=${text(view)}`), body(text(view), isWhole)),
          }),
    }));
    const order = requestOrder(this.handlers);
    this.#order = order;
    const nothing = null as never;
    const side: GateSide = {
      headerFilters: order.headers.length,
      dataFilters: order.data.length,
      endFilters: order.ends.length,
      runHeaders: (i) => order.headers[i]?.onRequestHeaders(nothing, false) ?? CONTINUE,
      runData: (i, view) => order.data[i]?.onRequestData(nothing, view) ?? CONTINUE,
      runEnd: (i) => order.ends[i]?.onRequestEnd(nothing) ?? CONTINUE,
      runBody: (i, body, isWhole) => order.headers[i]?.onRequestBody?.(nothing, body, isWhole) ?? CONTINUE,
      standing: (i) => this.#standing(order.headers[i]),
      refuseBody: () => note('413'),
      passHeaders: () => note('HEAD'),
      passData: (view) => note(text(view)),
      passEnd: () => note('END'),
      hold: () => note('hold'),
      release: () => note('release'),
    };
    this.gate = new FilterGate(side);
  }

  #standing(handlers: HttpFilterHandlers | undefined) {
    const standing = handlers === undefined ? undefined : this.#order.standings.get(handlers);
    assert.ok(standing);
    return standing;
  }

  data(...pieces: string[]): void {
    for (const piece of pieces) this.gate.data(Buffer.from(piece));
  }

  /** Passes bytes behind the filter with that number in the chain. */
  pass(filter: number, piece: string): void {
    this.gate.pass(Buffer.from(piece), this.#standing(this.handlers[filter]).dataAfter);
  }

  take(): string {
    return this.log.splice(0).join(',');
  }
}

const go = (): FilterStatus => CONTINUE;

test('what no filter stops goes straight through', () => {
  const bench = new Bench([
    { name: 'a', headers: go },
    { name: 'b', data: go, end: go },
  ]);
  bench.gate.headers();
  bench.data('1', '2');
  bench.gate.end();
  assert.equal(bench.take(), 'a.head,HEAD,b 1,1,b 2,2,b.end,END');
});

test('a head that waits holds the body back', () => {
  const bench = new Bench([
    { name: 'a', headers: () => STOP },
    { name: 'b', headers: go, data: go },
  ]);
  bench.gate.headers();
  bench.data('1');
  bench.gate.end();
  assert.equal(bench.take(), 'a.head,hold');
  bench.gate.resume();
  assert.equal(bench.take(), 'release,b.head,HEAD,b 1,1,END');
});

test('a filter takes pieces and passes others on, at once or later', () => {
  const bench: Bench = new Bench([
    { name: 'a', data: (piece) => (bench.pass(0, piece.toUpperCase()), TAKEN), end: () => (bench.pass(0, 'Z'), CONTINUE) },
    { name: 'b', data: go, end: go },
  ]);
  bench.gate.headers();
  bench.data('x', 'y');
  bench.gate.end();
  assert.equal(bench.take(), 'HEAD,a x,b X,X,a y,b Y,Y,a.end,b Z,Z,b.end,END');
});

test('a filter that has taken a piece gets no more until it says so', () => {
  const bench: Bench = new Bench([
    { name: 'a', data: () => TAKEN_STOP, end: () => STOP },
    { name: 'b', data: go },
  ]);
  bench.gate.headers();
  bench.data('1', '2');
  bench.gate.end();
  assert.equal(bench.take(), 'HEAD,a 1,hold');
  bench.pass(0, 'one');
  assert.equal(bench.take(), 'b one,one');
  bench.gate.resume();
  assert.equal(bench.take(), 'release,a 2,hold');
  bench.pass(0, 'two');
  bench.gate.resume();
  assert.equal(bench.take(), 'b two,two,release,a.end,hold');
  bench.pass(0, 'tail');
  bench.gate.resume();
  assert.equal(bench.take(), 'b tail,tail,release,END');
});

test('pieces keep their order behind a filter further along that has stopped', () => {
  let isStopping = true;
  const bench: Bench = new Bench([
    { name: 'a', data: (piece) => (bench.pass(0, `${piece}a`), bench.pass(0, `${piece}b`), TAKEN) },
    { name: 'b', data: () => (isStopping ? ((isStopping = false), STOP) : CONTINUE) },
  ]);
  bench.gate.headers();
  bench.data('1', '2');
  bench.gate.end();
  assert.equal(bench.take(), 'HEAD,a 1,b 1a,hold');
  bench.gate.resume();
  assert.equal(bench.take(), 'release,1a,b 1b,1b,a 2,b 2a,2a,b 2b,2b,END');
});

test('two filters that have stopped must both resume', () => {
  const bench: Bench = new Bench([
    { name: 'a', data: () => TAKEN_STOP },
    { name: 'b', data: () => STOP },
  ]);
  bench.gate.headers();
  bench.data('1');
  bench.pass(0, 'x');
  bench.gate.resume();
  assert.equal(bench.take(), 'HEAD,a 1,hold,b x');
  bench.gate.resume();
  assert.equal(bench.take(), 'release,x');
});

const COLLECTED: readonly {
  readonly name: string;
  readonly maxBytes: number;
  readonly isPartialEnough: boolean;
  readonly pieces: readonly string[];
  readonly want: string;
}[] = [
  {
    name: 'whole',
    maxBytes: 4,
    isPartialEnough: false,
    pieces: ['12', '34'],
    want: 'a.head,b.head,a 12,a 34,a.end,b=1234,c.head,HEAD,c 1234,1234,c.end,END',
  },
  { name: 'too long', maxBytes: 3, isPartialEnough: false, pieces: ['12', '34', '56'], want: 'a.head,b.head,a 12,a 34,413' },
  {
    name: 'part of it',
    maxBytes: 3,
    isPartialEnough: true,
    pieces: ['12', '34', '56'],
    want: 'a.head,b.head,a 12,a 34,b=123,c.head,HEAD,c 1234,1234,a 56,c 56,56,a.end,c.end,END',
  },
  { name: 'nothing', maxBytes: 3, isPartialEnough: false, pieces: [], want: 'a.head,b.head,a.end,b=,c.head,HEAD,c.end,END' },
];
for (const { name, maxBytes, isPartialEnough, pieces, want } of COLLECTED) {
  test(`a filter collects the body, as those before it leave it: ${name}`, () => {
    const bench: Bench = new Bench([
      { name: 'a', headers: go, data: go, end: go },
      { name: 'b', headers: () => (bench.gate.collect({ maxBytes, isPartialEnough }), COLLECT), body: go },
      { name: 'c', headers: go, data: go, end: go },
    ]);
    bench.gate.headers();
    bench.data(...pieces);
    bench.gate.end();
    assert.equal(bench.take(), want);
  });
}

test('what was collected waits while its filter does', () => {
  const bench: Bench = new Bench([
    { name: 'a', headers: () => (bench.gate.collect({ maxBytes: 9, isPartialEnough: false }), COLLECT), body: () => STOP },
  ]);
  bench.gate.headers();
  bench.data('12');
  bench.gate.end();
  assert.equal(bench.take(), 'a.head,a=12,hold');
  bench.gate.resume();
  assert.equal(bench.take(), 'release,HEAD,12,END');
});
