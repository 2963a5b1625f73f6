/**
 * Builds the dashboard's page (`dashboard/`) into a folder that the control plane serves: files with a hash in their name,
 * compressed ahead, and `manifest.json`, which src/control/dashboard/assets.ts reads.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { root } from './run.ts';

interface Built {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.html': 'text/html; charset=utf-8',
};
const SOURCES = path.join(root, 'dashboard');
const BASE64_CHARS = 22;

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url').slice(0, BASE64_CHARS);
}

/** The script and the style sheets, as esbuild makes them. */
async function bundles(): Promise<Built[]> {
  const { outputFiles } = await build({
    entryPoints: { app: path.join(SOURCES, 'src/main.tsx'), login: path.join(SOURCES, 'src/styles/login.css') },
    outdir: '/',
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: ['chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
  });
  return outputFiles.map(({ path: file, contents }) => ({ name: path.basename(file), bytes: contents }));
}

/** `app-1a2b….js`, by what it holds. */
function hashed({ name, bytes }: Built): string {
  const { name: stem, ext } = path.parse(name);
  return `${stem}-${digest(bytes).replace(/[-_]/g, '').slice(0, 10)}${ext}`;
}

function write(folder: string, name: string, bytes: Uint8Array): object {
  writeFileSync(path.join(folder, name), bytes);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } });
  writeFileSync(path.join(folder, `${name}.br`), brotli);
  writeFileSync(path.join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  const type = TYPES[path.extname(name)] ?? 'application/octet-stream';
  return { type, etag: `"${digest(bytes)}"`, isHashed: !name.endsWith('.html'), encodings: ['br', 'gzip'] };
}

/** Builds it in a folder, in the place of what is there. */
export async function buildDashboard(folder: string): Promise<void> {
  const built = [...(await bundles()), { name: 'icon.svg', bytes: readFileSync(path.join(SOURCES, 'icon.svg')) }];
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const names = new Map(built.map((file) => [file.name, hashed(file)]));
  const manifest: Record<string, object> = {};
  for (const file of built) {
    const name = names.get(file.name) ?? file.name;
    manifest[name] = write(folder, name, file.bytes);
  }
  for (const page of ['index.html', 'login.html']) {
    const text = readFileSync(path.join(SOURCES, page), 'utf8').replace(/%([\w.]+)%/g, (_, name: string) => names.get(name) ?? name);
    manifest[page] = write(folder, page, Buffer.from(text));
  }
  // last, so that who reads it finds what it names
  writeFileSync(path.join(folder, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

if (import.meta.main) await buildDashboard(path.join(root, 'dist/dashboard'));
