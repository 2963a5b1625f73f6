/** A real Prometheus (Debian's) for tests: where it is, how it is started, and what it is asked. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ask } from '../../src/cli/demo/client.ts';
import { freePort } from '../interop/envoy-process.ts';

/** False where there is one, else why tests are left out. */
export const prometheusMissing: string | false =
  spawnSync('prometheus', ['--version']).status === 0 ? false : 'there is no prometheus: node tools/install-peers.ts installs it';

/** One series of an answer: its labels, and its value now. */
interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[] };
}

export class PrometheusProcess {
  readonly #folder: string;
  readonly #port: number;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`];
    this.#child = spawn('prometheus', [...args, '--enable-feature=exemplar-storage', '--log.level=warn'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** Starts one with this configuration. */
  static async start(config: string): Promise<PrometheusProcess> {
    const folder = mkdtempSync(path.join(tmpdir(), 'tulle-prometheus-'));
    writeFileSync(path.join(folder, 'prometheus.yml'), config);
    return new PrometheusProcess(folder, await freePort());
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async get(call: string): Promise<unknown> {
    const { text } = await ask({ port: this.#port }, `http://127.0.0.1:${this.#port}/api/v1/${call}`, {
      headers: { host: `127.0.0.1:${this.#port}` },
    });
    return JSON.parse(text);
  }

  /** What PromQL comes to now. Fails where Prometheus cannot read it. */
  async query(expr: string): Promise<Sample[]> {
    const answer = (await this.get(`query?query=${encodeURIComponent(expr)}`)) as Answer;
    assert.equal(answer.status, 'success', `${expr}: ${answer.error}\n${this.#output}`);
    return (answer.data?.result ?? []).map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** The one number that PromQL comes to; NaN where there is none. */
  async number(expr: string): Promise<number> {
    return (await this.query(expr))[0]?.value ?? Number.NaN;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
