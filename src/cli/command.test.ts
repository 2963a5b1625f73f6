/** Mistakes on the command line become one line and a hint, whatever commander calls them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newCommand, runCommand } from './command.ts';
import { CliError, EXIT } from './errors.ts';

function example(): ReturnType<typeof newCommand> {
  const command = newCommand('token', 'Tokens.', [['tulle token create', 'one']]);
  command
    .command('create')
    .requiredOption('--name <name>', 'whose')
    .action(() => {});
  return command;
}

const CASES: readonly { readonly args: readonly string[]; readonly message: RegExp }[] = [
  { args: [], message: /^a subcommand is missing$/ },
  { args: ['create'], message: /^required option '--name <name>' not specified$/ },
  { args: ['create', '--name', 'x', '--nme', 'x'], message: /^unknown option '--nme'/ },
  { args: ['remove'], message: /^unknown command 'remove'$/ },
];

for (const { args, message } of CASES) {
  test(`tulle token ${args.join(' ')}`, async () => {
    await assert.rejects(runCommand(example(), args), (error) => {
      assert.ok(error instanceof CliError);
      assert.match(error.message, message);
      assert.deepEqual([error.hint, error.exitCode], ['tulle token --help shows the usage', EXIT.usage]);
      return true;
    });
  });
}

test('a right command line is run', async () => {
  await runCommand(example(), ['create', '--name', 'x']);
});
