/**
 * The compression libraries that Envoy's compressor and decompressor name in their configuration, over node:zlib. Every
 * piece is flushed, so that what has come in is not held back.
 */
import zlib from 'node:zlib';
import type { Transform } from 'node:stream';
import { ConfigError } from '../../../../core/errors.ts';
import {
  type Brotli,
  Brotli_EncoderMode as Mode,
  BrotliSchema,
} from '../../../../xds/gen/envoy/extensions/compression/brotli/compressor/v3/brotli_pb.ts';
import { BrotliSchema as UnbrotliSchema } from '../../../../xds/gen/envoy/extensions/compression/brotli/decompressor/v3/brotli_pb.ts';
import {
  type Gzip,
  Gzip_CompressionStrategy as Strategy,
  GzipSchema,
} from '../../../../xds/gen/envoy/extensions/compression/gzip/compressor/v3/gzip_pb.ts';
import { GzipSchema as GunzipSchema } from '../../../../xds/gen/envoy/extensions/compression/gzip/decompressor/v3/gzip_pb.ts';
import { type Zstd, ZstdSchema } from '../../../../xds/gen/envoy/extensions/compression/zstd/compressor/v3/zstd_pb.ts';
import { ZstdSchema as UnzstdSchema } from '../../../../xds/gen/envoy/extensions/compression/zstd/decompressor/v3/zstd_pb.ts';
import type { TypedExtensionConfig } from '../../../../xds/gen/envoy/config/core/v3/extension_pb.ts';
import { decodeTyped, typeNameOf } from '../../../config/typed-config.ts';

/** One way to compress or to decompress. */
export interface Library {
  /** The name of `compressor_library` or `decompressor_library`: part of statistics' names. */
  readonly name: string;
  /** `gzip`, `br`, `zstd`: as in `content-encoding`. */
  readonly encoding: string;
  /** `gzip`, `brotli`, `zstd`: part of statistics' names. */
  readonly statPrefix: string;
  create(): Transform;
}

/** A library that decompresses. */
export interface Decompressing extends Library {
  /** How many times larger than a piece what comes of it may be; more is an error. Source: Envoy. */
  readonly maxInflateRatio: number;
  /** Envoy's statistic of data that cannot be decompressed. */
  readonly errorStat: string;
}

const DEFAULT_INFLATE_RATIO = 100;

function inRange(value: number | undefined, fallback: number, from: number, to: number, path: string): number {
  if (value === undefined) return fallback;
  if (value < from || value > to) throw new ConfigError(path, `${value} is not in [${from}, ${to}]`);
  return value;
}

// Node's module is loaded where there is such a filter
const strategies = (): Readonly<Record<Strategy, number>> => ({
  [Strategy.DEFAULT_STRATEGY]: zlib.constants.Z_DEFAULT_STRATEGY,
  [Strategy.FILTERED]: zlib.constants.Z_FILTERED,
  [Strategy.HUFFMAN_ONLY]: zlib.constants.Z_HUFFMAN_ONLY,
  [Strategy.RLE]: zlib.constants.Z_RLE,
  [Strategy.FIXED]: zlib.constants.Z_FIXED,
});

/** Defaults are Envoy's: a window of 4 KiB and memory level 5, little memory for each stream. */
function readGzip(message: Gzip, path: string): () => Transform {
  const level: number = message.compressionLevel;
  const options: zlib.ZlibOptions = {
    level: level === 0 ? zlib.constants.Z_DEFAULT_COMPRESSION : inRange(level, 0, 1, 9, `${path}.compression_level`),
    strategy: strategies()[message.compressionStrategy],
    memLevel: inRange(message.memoryLevel, 5, 1, 9, `${path}.memory_level`),
    windowBits: inRange(message.windowBits, 12, 9, 15, `${path}.window_bits`),
    flush: zlib.constants.Z_SYNC_FLUSH,
  };
  return () => zlib.createGzip(options);
}

const modes = (): Readonly<Record<Mode, number>> => ({
  [Mode.DEFAULT]: zlib.constants.BROTLI_DEFAULT_MODE,
  [Mode.GENERIC]: zlib.constants.BROTLI_MODE_GENERIC,
  [Mode.TEXT]: zlib.constants.BROTLI_MODE_TEXT,
  [Mode.FONT]: zlib.constants.BROTLI_MODE_FONT,
});

function readBrotli(message: Brotli, path: string): () => Transform {
  const options: zlib.BrotliOptions = {
    params: {
      [zlib.constants.BROTLI_PARAM_QUALITY]: inRange(message.quality, 3, 0, 11, `${path}.quality`),
      [zlib.constants.BROTLI_PARAM_MODE]: modes()[message.encoderMode] ?? zlib.constants.BROTLI_DEFAULT_MODE,
      [zlib.constants.BROTLI_PARAM_LGWIN]: inRange(message.windowBits, 18, 10, 24, `${path}.window_bits`),
      [zlib.constants.BROTLI_PARAM_LGBLOCK]: inRange(message.inputBlockBits, 24, 16, 24, `${path}.input_block_bits`),
      [zlib.constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: message.disableLiteralContextModeling,
    },
    flush: zlib.constants.BROTLI_OPERATION_FLUSH,
  };
  return () => zlib.createBrotliCompress(options);
}

const DEFAULT_ZSTD_LEVEL = 3;

function readZstd(message: Zstd, path: string): () => Transform {
  checkZstd(path);
  const strategy: number = message.strategy;
  const options: zlib.ZstdOptions = {
    params: {
      [zlib.constants.ZSTD_c_compressionLevel]: inRange(message.compressionLevel, DEFAULT_ZSTD_LEVEL, 0, 22, `${path}.compression_level`),
      [zlib.constants.ZSTD_c_checksumFlag]: message.enableChecksum,
      ...(strategy === 0 ? {} : { [zlib.constants.ZSTD_c_strategy]: strategy }),
    },
    flush: zlib.constants.ZSTD_e_flush,
  };
  return () => zlib.createZstdCompress(options);
}

function checkZstd(path: string): void {
  if (!('createZstdCompress' in zlib)) throw new ConfigError(path, 'zstd needs Node 22.15 or newer');
}

/** The library that `compressor_library` describes. */
export function readCompressor(config: TypedExtensionConfig | undefined, path: string): Library {
  const any = config?.typedConfig;
  if (config === undefined || any === undefined) throw new ConfigError(path, 'is missing');
  const at = `${path}.typed_config`;
  const { name } = config;
  switch (typeNameOf(any)) {
    case GzipSchema.typeName:
      return { name, encoding: 'gzip', statPrefix: 'gzip', create: readGzip(decodeTyped(any, GzipSchema, at), at) };
    case BrotliSchema.typeName:
      return { name, encoding: 'br', statPrefix: 'brotli', create: readBrotli(decodeTyped(any, BrotliSchema, at), at) };
    case ZstdSchema.typeName:
      return { name, encoding: 'zstd', statPrefix: 'zstd', create: readZstd(decodeTyped(any, ZstdSchema, at), at) };
    default:
      throw new ConfigError(at, `compressor ${typeNameOf(any)} is not supported by Tulle`);
  }
}

/** The library that `decompressor_library` describes. Data that end too early are no error, as in Envoy. */
export function readDecompressor(config: TypedExtensionConfig | undefined, path: string): Decompressing {
  const any = config?.typedConfig;
  if (config === undefined || any === undefined) throw new ConfigError(path, 'is missing');
  const at = `${path}.typed_config`;
  const { name } = config;
  switch (typeNameOf(any)) {
    case GunzipSchema.typeName: {
      const message = decodeTyped(any, GunzipSchema, at);
      const windowBits = inRange(message.windowBits, 15, 9, 15, `${at}.window_bits`);
      const maxInflateRatio = inRange(message.maxInflateRatio, DEFAULT_INFLATE_RATIO, 1, 1032, `${at}.max_inflate_ratio`);
      const { Z_SYNC_FLUSH } = zlib.constants;
      const create = (): Transform => zlib.createGunzip({ windowBits, flush: Z_SYNC_FLUSH, finishFlush: Z_SYNC_FLUSH });
      return { name, encoding: 'gzip', statPrefix: 'gzip', create, maxInflateRatio, errorStat: 'zlib_data_error' };
    }
    case UnbrotliSchema.typeName: {
      decodeTyped(any, UnbrotliSchema, at);
      const { BROTLI_OPERATION_FLUSH: flush } = zlib.constants;
      const create = (): Transform => zlib.createBrotliDecompress({ flush, finishFlush: flush });
      return { name, encoding: 'br', statPrefix: 'brotli', create, maxInflateRatio: DEFAULT_INFLATE_RATIO, errorStat: 'brotli_error' };
    }
    case UnzstdSchema.typeName: {
      decodeTyped(any, UnzstdSchema, at);
      checkZstd(at);
      const { ZSTD_e_flush: flush } = zlib.constants;
      const create = (): Transform => zlib.createZstdDecompress({ flush, finishFlush: flush });
      return {
        name,
        encoding: 'zstd',
        statPrefix: 'zstd',
        create,
        maxInflateRatio: DEFAULT_INFLATE_RATIO,
        errorStat: 'zstd_generic_error',
      };
    }
    default:
      throw new ConfigError(at, `decompressor ${typeNameOf(any)} is not supported by Tulle`);
  }
}
