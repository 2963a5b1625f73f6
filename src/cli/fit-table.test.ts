import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cut, type FitColumn, fitTable } from './fit-table.ts';
import { textWidth } from './text-width.ts';

interface Row {
  readonly from: string;
  readonly to: string;
  readonly rate: string;
  readonly bytes: string;
}

const COLUMNS: readonly FitColumn<Row>[] = [
  { title: 'FROM', cell: ({ from }) => from },
  { title: 'TO', cell: ({ to }) => to },
  { title: 'RATE', cell: ({ rate }) => rate, align: 'right', dropAt: 1 },
  { title: 'BYTES', cell: ({ bytes }) => bytes, align: 'right', dropAt: 2, tone: () => 'bad' },
];

test('numbers stand to the right, below their titles', () => {
  const rows = [
    { from: 'shop/web', to: 'shop/payments', rate: '1.5', bytes: '12B' },
    { from: 'shop/a', to: 'shop/b', rate: '100', bytes: '1.2kB' },
  ];
  assert.deepEqual(fitTable(rows, COLUMNS, 80, false), [
    'FROM      TO             RATE  BYTES',
    'shop/web  shop/payments   1.5    12B',
    'shop/a    shop/b          100  1.2kB',
  ]);
});

test('where there is no room columns go, those that matter least first, and names are cut', () => {
  const rows = [{ from: 'a-long-namespace/a-long-name', to: 'another/with-a-name', rate: '1.5', bytes: '12B' }];
  assert.deepEqual(fitTable(rows, COLUMNS, 45, false), [
    'FROM             TO               RATE  BYTES',
    'a-long-…ng-name  another…-a-name   1.5    12B',
  ]);
  const [title = ''] = fitTable(rows, COLUMNS, 34, false);
  assert.deepEqual(title.split(/ +/), ['FROM', 'TO', 'RATE']);
  // what is a mere detail goes before a name is cut
  const [narrow = ''] = fitTable(rows, [...COLUMNS, { title: 'DETAIL', cell: () => 'x', dropAt: 5 }], 62, false);
  assert.deepEqual(narrow.split(/ +/), ['FROM', 'TO', 'RATE', 'BYTES']);
});

test('no line is wider than the terminal, and none says less than it could', () => {
  const text = fc.string({ maxLength: 40 }).map((value) => value.replaceAll(/[^a-z/]/g, 'x'));
  const row = fc.record({ from: text, to: text, rate: text, bytes: text });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), fc.integer({ min: 30, max: 200 }), (rows, width) => {
      const lines = fitTable(rows, COLUMNS, width, false);
      for (const line of lines) assert.ok(line.length <= width, `${line.length} > ${width}: ${line}`);
      assert.equal(lines.length, rows.length + 1);
      if (width >= 170)
        for (const [i, { from, bytes }] of rows.entries()) assert.ok(lines[i + 1]?.includes(from) && lines[i + 1]?.includes(bytes));
    }),
  );
});

test('colours are around what is written, not in its width', () => {
  const rows = [{ from: 'a', to: 'b', rate: '1', bytes: '2' }];
  assert.equal(fitTable(rows, COLUMNS, 80, true)[1], 'a     b      1  \u001b[31m    2\u001b[0m');
});

test('what takes two columns of a terminal counts as two, what takes none as none', () => {
  const cells = ['注文サービス', 'cafe\u0301', '🚀🚀', '👩‍👩‍👧', 'plain'];
  assert.deepEqual(cells.map(textWidth), [12, 4, 4, 2, 5]);
  const rows = cells.map((from) => ({ from, to: 'b', rate: '1', bytes: '2' }));
  const lines = fitTable(rows, COLUMNS, 80, false);
  for (const line of lines.slice(1)) assert.equal(textWidth(line.slice(0, line.indexOf(' b '))), 13, line);
  assert.deepEqual([cut('注文サービス', 8), textWidth(cut('注文サービス', 8))], ['注文…ス', 7]);
  assert.equal(cut('🚀🚀🚀', 4, 'end'), '🚀…');
});

test('no line of wide characters is wider than the terminal', () => {
  const text = fc.array(fc.constantFrom('注', 'a', '🚀', 'e\u0301', '-'), { maxLength: 40 }).map((all) => all.join(''));
  const row = fc.record({ from: text, to: text, rate: fc.constant('1'), bytes: fc.constant('2') });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), fc.integer({ min: 30, max: 200 }), (rows, width) => {
      for (const line of fitTable(rows, COLUMNS, width, false)) assert.ok(textWidth(line) <= width, line);
    }),
  );
});

test('both ends of a name are kept', () => {
  assert.equal(cut('payments-v1-7f9c', 9), 'paym…7f9c');
  assert.equal(cut('short', 9), 'short');
});
