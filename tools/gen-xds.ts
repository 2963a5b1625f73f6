/**
 * Generates `src/xds/gen` (protobuf-es) from published .proto files: Envoy's, xDS's and Google's as
 * packed by @grpc/grpc-js-xds, and the few of our own under `proto/`.
 *
 * Descriptors cost a proxy memory, so only what stands in `ROOTS` and what it reaches, less what
 * stands in `EXCLUDED`, is generated, and options and comments are stripped before the compiler sees
 * them (Envoy's validation rules alone are a third of the descriptors). The generated modules make
 * their descriptors with our own functions, which read a type when it is used (`src/xds/descriptors`).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ADDED, EXCLUDED, ROOTS } from './xds-roots.ts';

const root = path.resolve(import.meta.dirname, '..');
const require = createRequire(import.meta.url);
const packed = path.join(path.dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const out = path.join(root, 'src/xds/gen');

/** Files that nothing we generate needs: Envoy's second API (Istio's `alpn` is none of it), annotations, and what imports protos that are not packed. */
const SKIPPED =
  /(?<!alpn)\/v2(alpha)?\d?\/|annotations|google\/(?!rpc\/|api\/expr\/v1alpha1\/)|opencensus|trace\/v3\/trace\.proto|service\/(metrics|trace)\//;

/** The index just past the bracket that closes the one at `open`; strings are skipped. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    const c = text[i];
    if (c === '"' || c === "'") {
      for (i++; text[i] !== c; i++) if (text[i] === '\\') i++;
    } else if (c === '[' || c === '{' || c === '(') depth++;
    else if ((c === ']' || c === '}' || c === ')') && --depth === 0) return i + 1;
  }
  throw new Error('unbalanced brackets in a .proto file');
}

/** Strips comments, field options and custom options: none of them changes the wire format. */
function strip(proto: string): string {
  let text = proto.replace(/("(?:[^"\\\n]|\\.)*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (_, s: string | undefined) => s ?? '');
  text = text.replace(/^import "(?:validate|udpa\/annotations|xds\/annotations|envoy\/annotations|google\/api\/annotations)[^;]*;$/gm, '');
  let result = '';
  let from = 0;
  for (const match of text.matchAll(/=\s*-?(?:\d+|0x[0-9a-fA-F]+)\s*\[|^[ \t]*option\s*\(/gm)) {
    if (match.index < from) continue;
    const isOption = match[0].includes('option');
    const open = match.index + match[0].length - 1;
    const end = closing(text, open);
    if (isOption) {
      let i = end;
      while (text[i] !== ';') i = text[i] === '{' ? closing(text, i) : text[i] === '"' ? text.indexOf('"', i + 1) + 1 : i + 1;
      result += text.slice(from, match.index);
      from = i + 1;
    } else {
      result += text.slice(from, open);
      from = end;
    }
  }
  return result + text.slice(from);
}

/** Adds fields that are newer than the packed files. */
function extend(proto: string, file: string): string {
  let text = proto;
  for (const [line, fields] of Object.entries(ADDED[file] ?? {})) {
    if (!text.includes(line)) throw new Error(`${file} has no "${line}"`);
    text = text.replace(line, `${line} ${fields}`);
  }
  return text;
}

/** Has a generated module take its functions, not its types, from `src/xds/descriptors`, and tell each type's name. */
function makeLazy(text: string, file: string): string {
  const ours = path.relative(path.dirname(path.join(out, file)), path.join(root, 'src/xds/descriptors/index.ts'));
  const lazy = text.replace(/^(import \{[^}]*\} from )"@bufbuild\/protobuf\/codegenv2";$/m, `$1"${ours}";`);
  if (lazy === text) throw new Error(`${file} takes no functions from @bufbuild/protobuf/codegenv2`);
  const described = /(Describes the message ([\w.]+)\.$(?:(?!messageDesc)[^])*?)messageDesc\(/gm;
  return lazy.replace(/\bmessageDesc\b(?=[^;]*\} from)/, 'namedMessageDesc').replace(described, '$1namedMessageDesc("$2", ');
}

const work = mkdtempSync(path.join(tmpdir(), 'tulle-xds-'));
try {
  const protos = path.join(work, 'protos');
  const folders = ['envoy-api', 'xds', 'googleapis'].map((name) => path.join(packed, name));
  for (const folder of [...folders, path.join(root, 'proto')]) {
    for (const file of globSync('**/*.proto', { cwd: folder })) {
      if (SKIPPED.test(file)) continue;
      const to = path.join(protos, file);
      mkdirSync(path.dirname(to), { recursive: true });
      writeFileSync(to, extend(strip(readFileSync(path.join(folder, file), 'utf8')), file));
    }
  }
  writeFileSync(
    path.join(work, 'buf.gen.yaml'),
    JSON.stringify({
      version: 'v2',
      inputs: [{ directory: protos, types: ROOTS, exclude_types: EXCLUDED }],
      plugins: [
        {
          local: [process.execPath, require.resolve('@bufbuild/protoc-gen-es/bin/protoc-gen-es')],
          out: path.join(work, 'gen'),
          // one process for all files: the default starts one for each folder, and takes minutes
          strategy: 'all',
          opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
        },
      ],
    }),
  );
  const buf = path.join(path.dirname(require.resolve('@bufbuild/buf/package.json')), 'bin/buf');
  const run = spawnSync(process.execPath, [buf, 'generate', '--template', path.join(work, 'buf.gen.yaml')], {
    cwd: work,
    stdio: 'inherit',
  });
  if (run.status !== 0) throw new Error(`buf generate ended with ${run.status ?? run.signal}`);
  rmSync(out, { recursive: true, force: true });
  cpSync(path.join(work, 'gen'), out, { recursive: true });
  for (const file of globSync('**/*.ts', { cwd: out })) {
    const text = readFileSync(path.join(out, file), 'utf8');
    writeFileSync(path.join(out, file), makeLazy(text, file));
  }
  console.log(`xDS types: ${globSync('**/*.ts', { cwd: out }).length} files in src/xds/gen`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
