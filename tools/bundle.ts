/** How programs of ours become JavaScript: `dist/`, and what benchmarks measure in parts. */
import { createRequire } from 'node:module';
import path from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
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
 * 24), the others seldom have to.
 */
const LATE_MODULES = ['tls', 'http', 'https', 'http2', 'zlib', 'readline'] as const;

/** Members of such a module are looked up when they are used; they may not be when a module of ours is evaluated. */
const lateModules: Plugin = {
  name: 'late-modules',
  setup(build) {
    const filter = new RegExp(`^(?:node:)?(?:${LATE_MODULES.join('|')})$`);
    build.onResolve({ filter }, ({ path: name }) => ({ path: name.replace('node:', ''), namespace: 'late' }));
    build.onLoad({ filter: /^/, namespace: 'late' }, ({ path: name }) => {
      const members = Object.keys(createRequire(import.meta.url)(`node:${name}`));
      const contents = `const { loadCompiled } = require('./src/cli/lean-start.ts');
        for (const name of ${JSON.stringify(members)})
          Object.defineProperty(exports, name, { enumerable: true, get: () => loadCompiled('node:${name}')[name] });`;
      return { contents, loader: 'js', resolveDir: root };
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
  plugins: [lazyDescriptors, lateModules],
} satisfies BuildOptions;
