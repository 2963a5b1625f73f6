/** Builds `dist/`. */
import path from 'node:path';
import { buildDist } from './dist.ts';
import { root } from './run.ts';

await buildDist(path.join(root, 'dist'));
