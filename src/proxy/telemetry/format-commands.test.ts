import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOG_OPERATORS } from '../../core/log-format.ts';
import { compileCommand } from './format-commands.ts';

function problemOf(name: string, argument: string): string | undefined {
  try {
    compileCommand(name, argument, 'format');
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
}

test('every command that the control plane lets pass is there, with the argument that it wants', () => {
  for (const [name, use] of LOG_OPERATORS) {
    assert.doesNotMatch(problemOf(name, '') ?? '', /is not supported by Tulle/, name);
    assert.equal(problemOf(name, '') === undefined, use !== 'required', `%${name}%`);
    if (use === 'none') assert.match(problemOf(name, 'x') ?? '', /takes no argument/, `%${name}(x)%`);
  }
});
