/** `tulle prometheus-config`: what a Prometheus has to be told to scrape a mesh. */
import { Option } from 'commander';
import { stringify } from 'yaml';
import { newCommand, runCommand } from './command.ts';
import { usageError } from './errors.ts';

/** A span of time with one unit, which is what Prometheus takes for `scrape_interval` and more. */
const TIME = /^[1-9]\d*(?:ms|s|m|h|d)$/;

interface Options {
  readonly adminAddress: string;
  readonly interval: string;
}

/** The configuration: every proxy as it comes and goes, and the control plane. */
export function prometheusConfig({ adminAddress, interval }: Options): object {
  return {
    global: { scrape_interval: interval, evaluation_interval: interval },
    scrape_configs: [
      // names of series say who tells; nothing of them may be renamed
      {
        job_name: 'tulle-proxies',
        honor_labels: true,
        http_sd_configs: [{ url: `http://${adminAddress}/api/prometheus/targets`, refresh_interval: interval }],
      },
      { job_name: 'tulle-control', static_configs: [{ targets: [adminAddress], labels: { instance: 'tulle-control' } }] },
    ],
  };
}

function print(options: Options): void {
  if (!/^(?:\[[^\]]+\]|[^:]+):\d+$/.test(options.adminAddress))
    throw usageError(`"${options.adminAddress}" is not host:port`, 'it is what tulle up was given as --admin-address');
  if (!TIME.test(options.interval))
    throw usageError(`--interval ${options.interval} is not a time as Prometheus has it`, 'e.g. --interval 15s');
  const head = '# A Prometheus with this scrapes the mesh that runs with:  tulle up <folder> --admin-address';
  process.stdout.write(`${head} ${options.adminAddress}\n${stringify(prometheusConfig(options))}`);
}

/** Prints the configuration. */
export async function run(args: readonly string[]): Promise<void> {
  const command = newCommand('prometheus-config', "Prints a Prometheus' configuration that scrapes the proxies and the control plane.", [
    ['tulle up . --admin-address 127.0.0.1:15014', 'serves what is scraped'],
    ['tulle prometheus-config > prometheus.yml', 'for prometheus --config.file=prometheus.yml'],
  ])
    .addOption(new Option('--admin-address <host:port>', 'as given to tulle up or tulle control').default('127.0.0.1:15014'))
    .addOption(new Option('--interval <time>', 'how often to scrape').default('15s'))
    .action(print);
  await runCommand(command, args);
}
