import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run as apply } from './apply.ts';
import { run as demo } from './demo.ts';
import { CliError, EXIT } from './errors.ts';
import { run as edges } from './edges.ts';
import { run as explain } from './explain.ts';
import { run as mtls } from './mtls.ts';
import { run as plan } from './plan.ts';
import { run as prometheusConfig } from './prometheus-config.ts';
import { run as runProcess } from './run.ts';
import { run as stat } from './stat.ts';
import { run as tax } from './tax.ts';
import { run as top } from './top.ts';
import { run as why } from './why.ts';

interface Case {
  readonly run: (args: readonly string[]) => Promise<void>;
  readonly args: readonly string[];
  readonly message: RegExp;
}

const WRONG: readonly Case[] = [
  { run: demo, args: ['--bogus'], message: /unknown option '--bogus'/ },
  { run: demo, args: ['--mode', 'nope'], message: /'nope' is invalid/ },
  { run: plan, args: ['mesh', '--against', 'a', '--revision', 'HEAD'], message: /--against and --revision exclude each other/ },
  { run: plan, args: [`${import.meta.dirname}/plan`, '--revision', '-x', '--no-flows'], message: /"-x" is not a revision/ },
  { run: apply, args: ['mesh', '--at-once', '--canary', '10%'], message: /--at-once and --canary exclude each other/ },
  {
    run: explain,
    args: ['mesh', '--from', 'web', '--gateway', 'edge', '--to', 'http://a'],
    message: /from and gateway exclude each other/,
  },
  { run: explain, args: ['mesh', '--log', 'a.log', '--to', 'http://a'], message: /--log goes with the id of a request/ },
  { run: explain, args: ['mesh', '--request-id', 'x', '--method', 'PUT'], message: /--method and --request-id exclude each other/ },
  { run: prometheusConfig, args: ['--interval', 'often'], message: /--interval often is not a time/ },
  { run: prometheusConfig, args: ['--admin-address', 'here'], message: /"here" is not host:port/ },
  { run: runProcess, args: ['--', 'true'], message: /the process has no name/ },
  { run: why, args: ['--log', 'a.log'], message: /missing required argument/ },
  ...[edges, mtls, stat, top].flatMap((run) => [
    { run, args: ['--window', '1h'], message: /--window 1h is longer than the 15m that the control plane keeps/ },
    { run, args: ['--window', 'long'], message: /--window long is not a time/ },
  ]),
  { run: tax, args: ['--window', 'long'], message: /--window long is not a time/ },
];

for (const { run, args, message } of WRONG) {
  test(`refused with exit code 2: ${args.join(' ')}`, async () => {
    await assert.rejects(run(args), (error) => {
      assert.ok(error instanceof CliError, String(error));
      assert.match(error.message, message);
      assert.notEqual(error.hint, '');
      assert.equal(error.exitCode, EXIT.usage);
      return true;
    });
  });
}

test('the file of --log is one word: what follows is the request', async () => {
  // read as one file more, the id would be missing
  await assert.rejects(
    why(['--log', '/nowhere/a.log', 'some-id', '--state-dir', '/nowhere']),
    /the state directory \/nowhere does not exist/,
  );
});
