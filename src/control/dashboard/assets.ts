/**
 * The built page (tools/dashboard.ts): `manifest.json` lists its files with type, tag and how they were compressed. Files
 * with a hash in their name never change; the page itself is asked for anew each time, and answered 304 where it is known.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import { isObject } from '../../core/object.ts';
import { SECURITY_HEADERS } from './headers.ts';

interface Asset {
  readonly type: string;
  readonly etag: string;
  /** True where its name changes with what it holds. */
  readonly isHashed: boolean;
  readonly encodings: readonly string[];
}

/** The built page's files. */
export interface Assets {
  /** Answers with the file of that name; false where there is none. */
  serve(name: string, request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

const SUFFIX: Readonly<Record<string, string>> = { br: '.br', gzip: '.gz' };

function isAsset(value: unknown): value is Asset {
  return isObject(value) && typeof value['type'] === 'string' && typeof value['etag'] === 'string' && Array.isArray(value['encodings']);
}

async function readManifest(folder: string): Promise<ReadonlyMap<string, Asset>> {
  const value: unknown = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8'));
  const entries = isObject(value) ? Object.entries(value) : [];
  return new Map(entries.flatMap(([name, asset]): [string, Asset][] => (isAsset(asset) ? [[name, asset]] : [])));
}

function encodingFor(asset: Asset, request: IncomingMessage): string | undefined {
  const accepted = String(request.headers['accept-encoding'] ?? '');
  return asset.encodings.find((encoding) => new RegExp(`\\b${encoding}\\b`).test(accepted));
}

/** Serves what is in `folder`, which is read when it is first asked for. */
export function openAssets(folder: string): Assets {
  let manifest: Promise<ReadonlyMap<string, Asset>> | undefined;
  return {
    async serve(name, request, response) {
      manifest ??= readManifest(folder).catch((error: unknown) => {
        // it may be built later
        manifest = undefined;
        throw error;
      });
      const asset = (await manifest).get(name);
      if (asset === undefined) return false;
      const { type, etag, isHashed } = asset;
      const cache = isHashed ? 'public, max-age=31536000, immutable' : 'no-cache';
      const headers = { ...SECURITY_HEADERS, etag, vary: 'accept-encoding', 'cache-control': cache };
      if (request.headers['if-none-match'] === etag) {
        response.writeHead(304, headers).end();
        return true;
      }
      const encoding = encodingFor(asset, request);
      const body = await readFile(path.join(folder, `${name}${SUFFIX[encoding ?? ''] ?? ''}`));
      const coding = encoding === undefined ? {} : { 'content-encoding': encoding };
      response.writeHead(200, { ...headers, ...coding, 'content-type': type, 'content-length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
      return true;
    },
  };
}
