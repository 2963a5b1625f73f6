/** Functions of the C library and of Node itself, through koffi. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

type NativeFunction = (...args: readonly number[]) => number;

interface Library {
  readonly func: (declaration: string) => NativeFunction;
}

function isLoader(value: unknown): value is { load(file: null): Library } {
  return typeof value === 'object' && value !== null && 'load' in value && typeof value.load === 'function';
}

/** koffi's native part, in the nearest folder of packages: to ask Node for it by name takes 7 MiB of Node's own pages. */
function nativeFile(): string | undefined {
  const file = `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`;
  let folder = path.dirname(path.resolve(process.argv[1] ?? ''));
  while (!existsSync(path.join(folder, file))) {
    if (folder === path.dirname(folder)) return undefined;
    folder = path.dirname(folder);
  }
  return path.join(folder, file);
}

let library: Library | undefined;

function loadLibrary(): Library {
  const native = nativeFile();
  const module: { exports: unknown } = { exports: {} };
  if (native === undefined) module.exports = createRequire(import.meta.url)('koffi');
  else process.dlopen(module, native);
  if (!isLoader(module.exports)) throw new Error('koffi is not what is expected');
  return module.exports.load(null);
}

/** A function of this process by its declaration in C, of which numbers go in and one comes out. Throws where it is not. */
export function nativeFunction(declaration: string): NativeFunction {
  library ??= loadLibrary();
  return library.func(declaration);
}
