import { InvalidArgumentError, Option } from 'commander';

const MIB = 1024 * 1024;

function parse(text: string): number {
  const mebibytes = Number(text);
  if (!Number.isInteger(mebibytes) || mebibytes < 1 || mebibytes > 4096) throw new InvalidArgumentError('1 to 4096 are possible');
  return mebibytes * MIB;
}

/** The argument for `tulle control` that `tulle up` was given. */
export function flowMemoryArguments({ flowMemory }: { readonly flowMemory?: number }): string[] {
  return flowMemory === undefined ? [] : ['--flow-memory', String(flowMemory / MIB)];
}

/** `--flow-memory`, in bytes: what the control plane may keep of flow records. */
export function flowMemoryOption(): Option {
  return new Option('--flow-memory <MiB>', 'memory for flow records (default: 32)').argParser(parse);
}
