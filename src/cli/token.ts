/** `tulle token create`. */
import { callControl } from './admin-client.ts';
import { newCommand, runCommand, stateDirOption } from './command.ts';
import { CliError } from './errors.ts';
import { isObject, textOf } from './json.ts';
import { findStateDir } from './state-dir.ts';

/** Prints a token for a service account, to put into the file that a proxy's `TULLE.identity.tokenFile` names. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('token', 'Tokens by which proxies prove their identity to the control plane.', [
    ['tulle token create --namespace shop --service-account cart > token', 'for a proxy on another machine'],
  ]);
  command
    .command('create')
    .description('create a token for a service account and print it')
    .requiredOption('--service-account <name>', 'whose token')
    .option('--namespace <name>', "the service account's namespace", 'default')
    .addOption(stateDirOption())
    .action(async (options: { serviceAccount: string; namespace: string; stateDir?: string }) => {
      const body = { namespace: options.namespace, serviceAccount: options.serviceAccount };
      const answer = await callControl(findStateDir(options.stateDir), '/api/tokens', { method: 'POST', body });
      if (!isObject(answer) || textOf(answer['token']) === '') throw new CliError('the control plane sent no token');
      process.stdout.write(`${textOf(answer['token'])}\n`);
    });
  await runCommand(command, args);
}
