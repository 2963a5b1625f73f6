/** How programs of ours become JavaScript: `dist/`, and what benchmarks measure in parts. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { builtinModules, createRequire } from 'node:module';
import path from 'node:path';
import { type BuildOptions, type OnLoadResult, type Plugin, transform } from 'esbuild';
import { root } from './run.ts';

/**
 * Generated modules of packages (Google's durations, structs and wrappers, gRPC's status) use protobuf-es's functions,
 * which decode a file when it is imported: in a bundle they use ours, which decode it when it is used.
 */
const lazyDescriptors: Plugin = {
  name: 'lazy-descriptors',
  setup(build) {
    build.onResolve({ filter: /\/codegenv2(?:\/(?:file|message)\.js)?$/ }, ({ importer }) => {
      // descriptor.proto describes the rest, and makes itself in another way
      const isOne = importer.endsWith('_pb.js') && !importer.endsWith('descriptor_pb.js');
      return isOne ? { path: path.join(root, 'src/xds/descriptors/index.ts') } : undefined;
    });
  },
};

/**
 * Modules of Node's that a program for a start-up snapshot loads when it uses them: the first four cannot be in one (Node
 * 24), the others seldom have to; `util` is there, and some of its members load what seldom has to be.
 */
const LATE_MODULES = ['tls', 'http', 'https', 'http2', 'zlib', 'readline', 'worker_threads', 'fs/promises', 'util'] as const;

/** Members of such a module are looked up when they are used; they may not be when a module of ours is evaluated. */
const lateModule = (name: string): OnLoadResult => ({
  contents: `const { loadCompiled } = require('./src/cli/lean-start.ts');
    let loaded;
    const get = (_, member) => (member === '__esModule' ? undefined : (loaded ??= loadCompiled('node:${name}'))[member]);
    module.exports = Object.create(new Proxy({}, { get }));`,
  loader: 'js',
  resolveDir: root,
});

/**
 * Another module of Node's, once for all that import it: esbuild would make each of them an object with a getter for
 * every member, 3,000 functions in all. What is behind a getter of Node's, and loads more, has to be asked of the default.
 */
function sharedModule(name: string): OnLoadResult {
  const members = Object.getOwnPropertyDescriptors(createRequire(import.meta.url)(`node:${name}`));
  const names = Object.keys(members).filter((member) => members[member]?.get === undefined && /^[A-Za-z_]\w*$/.test(member));
  const contents = `const builtin = require('node:${name}'); export default builtin; export const { ${names.join(', ')} } = builtin;`;
  return { contents, loader: 'js' };
}

const nodeModules: Plugin = {
  name: 'node-modules',
  setup(build) {
    const late = new Set<string>(LATE_MODULES);
    build.onResolve({ filter: new RegExp(`^(?:node:)?(?:${builtinModules.join('|')})$`) }, ({ path: asked, kind }) => {
      const name = asked.replace('node:', '');
      if (late.has(name)) return { path: name, namespace: 'late' };
      return kind === 'import-statement' ? { path: name, namespace: 'shared' } : { path: `node:${name}`, external: true };
    });
    build.onLoad({ filter: /^/, namespace: 'late' }, ({ path: name }) => lateModule(name));
    build.onLoad({ filter: /^/, namespace: 'shared' }, ({ path: name }) => sharedModule(name));
  },
};

/** Descriptors as text of functions that nobody calls before a type is used: a third of the strings that a snapshot has. */
const lateDescriptors: Plugin = {
  name: 'late-descriptors',
  setup(build) {
    build.onLoad({ filter: /\/xds\/gen\/.*_pb\.ts$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8')).replace(/\bfileDesc\(\s*"/, 'fileDesc(() => "'),
      loader: 'ts',
    }));
  },
};

/**
 * Short names for what is inside functions: a snapshot has the source, and every name. Those at the top level stay, and
 * with them most of what a stack trace says.
 */
const shortNames: Plugin = {
  name: 'short-names',
  setup(build) {
    build.initialOptions.write = false;
    build.onEnd(async ({ outputFiles = [] }) => {
      for (const { path: file, text } of outputFiles) {
        // without a format esbuild takes it for a script, whose names at the top level others may use
        const { code } = await transform(text, { minify: true, target: BUNDLE.target, platform: 'node', legalComments: 'none' });
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(file, code);
      }
    });
  },
};

/** Options for all bundles. Whoever uses them names entry points and a folder for what comes out. */
export const BUNDLE = {
  bundle: true,
  // a process loads only the chunks of the command that it runs
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // Identifiers stay, and with them names in stack traces: keepNames would name each closure anew, at every request
  // (`npm run bench -- --only tcp-connections`: a twentieth of a connection).
  minifySyntax: true,
  minifyWhitespace: true,
  external: ['koffi'],
  // commander and yaml are CommonJS inside, and ask for require
  banner: { js: "import { createRequire as tulleRequire } from 'node:module'; const require = tulleRequire(import.meta.url);" },
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [lazyDescriptors],
} satisfies BuildOptions;

/** Options for a script that is put into a start-up snapshot: one file, without modules. */
export const SNAPSHOT_BUNDLE = {
  ...BUNDLE,
  splitting: false,
  format: 'cjs',
  banner: {},
  // the builder defines it; what it says is known when a process runs
  define: { 'import.meta.url': 'tulleModuleUrl' },
  plugins: [lazyDescriptors, lateDescriptors, nodeModules, shortNames],
} satisfies BuildOptions;
