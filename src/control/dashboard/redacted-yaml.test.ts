import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDocument } from 'yaml';
import { redactedYaml } from './redacted-yaml.ts';

const redacted = (text: string): string => redactedYaml(text, parseDocument(text));

const CASES = [
  { name: 'a value', text: 'password: x1', want: 'password: [hidden]' },
  { name: 'a value on the next line', text: 'password:\n  x1', want: 'password:\n  [hidden]' },
  { name: 'a value over several lines', text: 'token: "x1\n  x2"\na: b', want: 'token: [hidden]\n  [hidden]\na: b' },
  { name: 'a block', text: 'privateKey: |\n  x1\n\n  x2\na: b', want: 'privateKey: [hidden]\n  [hidden]\n\n  [hidden]\na: b' },
  { name: 'a list', text: 'api-key:\n- x1\n- x2', want: 'api-key:\n- [hidden]\n- [hidden]' },
  { name: 'what is below', text: 'private_key: { inline_string: x1 }', want: 'private_key: { inline_string: [hidden] }' },
  { name: 'a comment behind it', text: 'secret: x1 # was x2\na: b', want: 'secret: [hidden]\na: b' },
  { name: 'an alias and its anchor', text: 'a: &x x1\npassword: *x', want: 'a: &x [hidden]\npassword: [hidden]' },
  { name: 'an alias of what it is in', text: 'env: &x { A: x1, B: *x }', want: 'env: &x { A: [hidden], B: [hidden] }' },
  { name: 'a comment alone', text: 'a: b\n# password: x1', want: 'a: b\n# password: [hidden]' },
  { name: 'an environment', text: 'env: # of the shop\n  A: x1\n  B: x2', want: 'env: # of the shop\n  A: [hidden]\n  B: [hidden]' },
  { name: 'an environment in braces', text: 'env: {\n  A: x1, B: x2\n}\nc: d', want: 'env: {\n  A: [hidden], B: [hidden]\n}\nc: d' },
  { name: 'a quoted key', text: '"env": { A: x1 }', want: '"env": { A: [hidden] }' },
  {
    name: 'what was taken out of it',
    text: 'env:\n  A: x1\n  # B: x2\n\n  # C: x3\nd: e',
    want: 'env:\n  A: [hidden]\n  # [hidden]\n\n  # [hidden]\nd: e',
  },
  { name: "a proxy's", text: 'environmentVariables: { A: x1 }', want: 'environmentVariables: { A: [hidden] }' },
  { name: 'a header that is set', text: 'set: { authorization: x1 }', want: 'set: { authorization: [hidden] }' },
  { name: 'a header that is asked for', text: 'headers: { cookie: { regex: user=jo } }', want: 'headers: { cookie: { regex: user=jo } }' },
  { name: 'nothing secret', text: 'tokens: [a] # yes\ncredentialName: b', want: 'tokens: [a] # yes\ncredentialName: b' },
];

for (const { name, text, want } of CASES) {
  test(`secrets: ${name}`, () => {
    assert.equal(redacted(text), want);
    assert.equal(/x\d/.test(redacted(text)), false);
  });
}
