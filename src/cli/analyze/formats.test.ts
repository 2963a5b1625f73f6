/** What each format makes of the same findings. SARIF is held to the parts of its schema that are used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { analysisCodes } from '../../compile/analyze/codes.ts';
import type { Finding } from '../../compile/analyze/finding.ts';
import { isObject, objectsOf, textOf, type JsonObject } from '../json.ts';
import { formatGithub } from './format-github.ts';
import { formatSarif } from './format-sarif.ts';
import { formatText } from './format-text.ts';

const FINDING: Finding = {
  severity: 'error',
  code: 'IST0101',
  message: 'there is no service "x"',
  hint: 'Correct it.',
  file: 'mesh/a b.yaml',
  line: 7,
  column: 3,
  resource: 'VirtualService shop/web',
  field: 'spec.http[0]',
};
const NOTE: Finding = { ...FINDING, severity: 'info', code: 'TUL100', message: '90 %, two\nlines', hint: '', resource: '', field: '' };

test('text: place, code, resource and field, what happens, how to mend it, and a count', () => {
  assert.equal(
    formatText([FINDING], 1, false),
    'mesh/a b.yaml:7: error IST0101: VirtualService shop/web spec.http[0]\n  there is no service "x"\n  hint: Correct it.\n1 error, 0 warnings, 0 notes in 1 file\n',
  );
  assert.equal(formatText([], 2, false), 'nothing found in 2 files\n');
  assert.ok(formatText([FINDING], 1, true).includes('\u001B[31merror\u001B[0m'));
});

test('github: one line each, with what would end a property escaped', () => {
  assert.deepEqual(formatGithub([FINDING, NOTE]).split('\n'), [
    '::error file=mesh/a b.yaml,line=7,col=3,title=IST0101 VirtualService shop/web::there is no service "x". Correct it.',
    '::notice file=mesh/a b.yaml,line=7,col=3,title=TUL100::90 %25, two%0Alines',
    '',
  ]);
  assert.match(formatGithub([{ ...FINDING, file: 'a:b,c.yaml' }]), /file=a%3Ab%2Cc\.yaml,/);
});

/** Names that the schema has for an object, and those it requires. */
interface Shape {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

function holds(value: unknown, { required, optional }: Shape, where: string): JsonObject {
  assert.ok(isObject(value), where);
  for (const name of required) assert.ok(name in value, `${where} has ${name}`);
  const strange = Object.keys(value).filter((name) => !required.includes(name) && !optional.includes(name));
  assert.deepEqual(strange, [], where);
  return value;
}

const LEVELS = ['none', 'note', 'warning', 'error'];

function checkResult(value: unknown, rules: readonly JsonObject[]): void {
  const result = holds(value, { required: ['message'], optional: ['ruleId', 'ruleIndex', 'level', 'locations'] }, 'result');
  assert.ok(LEVELS.includes(textOf(result['level'])));
  assert.equal(rules[Number(result['ruleIndex'])]?.['id'], result['ruleId']);
  const message = holds(result['message'], { required: ['text'], optional: [] }, 'message');
  assert.equal(typeof message['text'], 'string');
  const [place] = objectsOf(result['locations']);
  const location = holds(place, { required: [], optional: ['physicalLocation', 'logicalLocations'] }, 'location');
  const physical = holds(location['physicalLocation'], { required: ['artifactLocation'], optional: ['region'] }, 'physicalLocation');
  const artifact = holds(physical['artifactLocation'], { required: [], optional: ['uri'] }, 'artifactLocation');
  assert.match(textOf(artifact['uri']), /^[^\s:]*$/);
  const region = holds(physical['region'], { required: [], optional: ['startLine', 'startColumn'] }, 'region');
  for (const name of ['startLine', 'startColumn']) assert.ok(Number.isInteger(region[name]) && Number(region[name]) >= 1, name);
}

/** sarif-schema-2.1.0.json, in as much as it is used: names, required ones, and the values of enumerations. */
function checkSarif(text: string): readonly JsonObject[] {
  const log = holds(JSON.parse(text), { required: ['version', 'runs'], optional: ['$schema'] }, 'log');
  assert.equal(log['version'], '2.1.0');
  const runs = objectsOf(log['runs']);
  const run = holds(runs[0], { required: ['tool'], optional: ['results', 'columnKind'] }, 'run');
  assert.ok(['utf16CodeUnits', 'unicodeCodePoints'].includes(textOf(run['columnKind'])));
  const tool = holds(run['tool'], { required: ['driver'], optional: [] }, 'tool');
  const driver = holds(tool['driver'], { required: ['name'], optional: ['version', 'rules'] }, 'driver');
  const rules = objectsOf(driver['rules']);
  for (const each of rules) {
    const rule = holds(each, { required: ['id'], optional: ['name', 'shortDescription', 'help', 'defaultConfiguration'] }, 'rule');
    holds(rule['shortDescription'], { required: ['text'], optional: [] }, 'shortDescription');
    const settings = holds(rule['defaultConfiguration'], { required: [], optional: ['level'] }, 'defaultConfiguration');
    assert.ok(LEVELS.includes(textOf(settings['level'])));
  }
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length);
  const results = objectsOf(run['results']);
  for (const result of results) checkResult(result, rules);
  return results;
}

test('SARIF has the shape of 2.1.0', () => {
  const results = checkSarif(formatSarif([FINDING, NOTE], '1.0.0'));
  assert.deepEqual(
    results.map(({ ruleId, level }) => [ruleId, level]),
    [
      ['IST0101', 'error'],
      ['TUL100', 'note'],
    ],
  );
  assert.match(formatSarif([FINDING], '1.0.0'), /"uri": "mesh\/a%20b\.yaml"/);
  assert.deepEqual(checkSarif(formatSarif([], '1.0.0')), []);
});

test('SARIF holds for any findings', () => {
  const codes = Object.keys(analysisCodes).filter((code): code is keyof typeof analysisCodes => code in analysisCodes);
  const finding = fc.record({
    severity: fc.constantFrom('error' as const, 'warning' as const, 'info' as const),
    code: fc.constantFrom(...codes),
    message: fc.string(),
    hint: fc.string(),
    file: fc.string({ minLength: 1 }),
    line: fc.integer({ min: 1 }),
    column: fc.integer({ min: 1 }),
    resource: fc.string(),
    field: fc.string(),
  });
  fc.assert(
    fc.property(fc.array(finding, { maxLength: 5 }), (findings) => {
      assert.equal(checkSarif(formatSarif(findings, '1')).length, findings.length);
      assert.equal(formatGithub(findings).split('\n').length, findings.length + 1);
    }),
    { numRuns: 100 },
  );
});
