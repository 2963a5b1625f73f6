/**
 * How often a property of a parser is tried: `usual` times, or as often as `TULLE_FUZZ_RUNS` says, for a longer search by
 * hand: `TULLE_FUZZ_RUNS=1000000 node --test src/wire/http2/hpack-decoder.test.ts`.
 */
export function fuzzRuns(usual: number): number {
  const asked = Number(process.env['TULLE_FUZZ_RUNS'] ?? '');
  return Number.isSafeInteger(asked) && asked > 0 ? asked : usual;
}
