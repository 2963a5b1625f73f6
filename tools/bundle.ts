/** How programs of ours become JavaScript: `dist/`, and what benchmarks measure in parts. */
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
