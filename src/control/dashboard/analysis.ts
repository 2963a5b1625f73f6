/** `GET /api/analysis`: what `tulle analyze` finds in the mesh that runs, found anew when the mesh is another. */
import type { Tool } from './tool.ts';

/** Findings, by the mesh that they are of. */
export interface Analysis {
  /** `{ findings, generation }` of a mesh's generation. */
  of(generation: number): Promise<object>;
}

/** Keeps the last answer; who asks while it is being found waits for the same. */
export function createAnalysis(tool: Tool): Analysis {
  let last: { readonly generation: number; readonly found: Promise<object> } | undefined;
  return {
    of(generation) {
      if (last?.generation === generation) return last.found;
      const found = tool.run(['analyze']).then((findings) => ({ generation, findings }));
      last = { generation, found };
      found.catch(() => {
        if (last?.found === found) last = undefined;
      });
      return found;
    },
  };
}
