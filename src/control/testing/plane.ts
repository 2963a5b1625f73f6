/** A control plane over a folder of its own, with a compiler small enough to see through, for tests over real sockets. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { silentLog } from '../../core/log.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../main.ts';
import { lineCompiler } from './line-compiler.ts';
import { type Probe, probe, type ProbeOptions } from './probe.ts';

export interface AdminAnswer {
  readonly status: number;
  readonly text: string;
}

export interface TestPlane {
  /** The one that runs now. */
  readonly plane: ControlPlane;
  /** Writes the folder's file as editors do. */
  readonly write: (text: string) => Promise<void>;
  readonly connect: (options?: ProbeOptions) => Probe;
  /** Calls the admin API over its Unix socket. */
  readonly call: (method: string, url: string, body?: object) => Promise<AdminAnswer>;
  readonly restart: () => Promise<void>;
}

/** One call; `target` is a Unix socket, or a host and port, asked with any headers. */
export function callAdmin(target: http.RequestOptions, method: string, url: string, body?: object): Promise<AdminAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<AdminAnswer>();
  const request = http.request({ ...target, method, path: url, agent: false }, (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => (text += chunk.toString()));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    response.on('error', reject);
  });
  request.on('error', reject);
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

/** Starts one whose folder has one file with `text`; stops it when the test ends. */
export async function runPlane(t: TestContext, text: string, options: Partial<ControlPlaneOptions> = {}): Promise<TestPlane> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'tulle-'));
  const file = path.join(folder, 'mesh.yaml');
  await writeFile(file, text);
  const own = { folder, stateDir: path.join(folder, '.tulle'), compiler: lineCompiler, log: silentLog };
  const start = (): Promise<ControlPlane> => startControlPlane({ ...own, debounceQuietMs: 5, ...options });
  let plane = await start();
  const probes: Probe[] = [];
  t.after(async () => {
    for (const each of probes) each.drop();
    await plane.close();
    await rm(folder, { recursive: true });
  });
  return {
    get plane() {
      return plane;
    },
    async write(next) {
      await writeFile(`${file}.tmp`, next);
      await rename(`${file}.tmp`, file);
    },
    connect(probeOptions) {
      const connected = probe({ path: plane.xdsSocket }, probeOptions);
      probes.push(connected);
      return connected;
    },
    call: (method, url, body) => callAdmin({ socketPath: plane.adminSocket }, method, url, body),
    async restart() {
      await plane.close();
      plane = await start();
    },
  };
}
