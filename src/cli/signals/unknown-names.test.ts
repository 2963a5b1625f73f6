import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AskedNames, unknownText } from './unknown-names.ts';

const known = { workloads: ['shop/web', 'bank/ledger'], services: ['payments.shop.svc.cluster.local'] };

const CASES: readonly (readonly [asked: AskedNames, text: string])[] = [
  [{}, ''],
  [{ workloads: ['web', 'shop/web', '*/ledger', undefined, ''], services: ['payments', 'payments.shop'], namespace: 'bank' }, ''],
  [{ workloads: ['wbe', '*/legder'] }, 'the mesh has no workload wbe (did you mean web?), and no workload legder (did you mean ledger?)'],
  [{ workloads: ['shop/wen', 'nothing'] }, 'the mesh has no workload shop/wen (did you mean shop/web?), and no workload nothing'],
  [{ services: ['pay'], namespace: 'shops' }, 'the mesh has no service pay, and no workload in shops (did you mean shop?)'],
  [{ services: ['paymnts.shop'] }, 'the mesh has no service paymnts.shop (did you mean payments.shop?)'],
];

for (const [asked, text] of CASES) test(`asked for ${JSON.stringify(asked)}`, () => assert.equal(unknownText(asked, known), text));
