import type { HttpStream } from './filter.ts';

/** What the stream's route says of the filter of this name, as `parseRoute` made it; undefined where it says nothing. */
export function routeConfig<Config>(stream: HttpStream, name: string, kind: abstract new (...args: never) => Config): Config | undefined {
  const config = stream.perRoute(name);
  return config !== undefined && config instanceof kind ? config : undefined;
}
