/** SETTINGS (RFC 9113 section 6.5): ours as text, the peer's as values. */
import { fault, type Fault } from './faults.ts';
import {
  ACK,
  frameHeadText,
  INITIAL_WINDOW,
  MAX_FRAME_BYTES,
  MAX_STREAM_ID,
  MAX_WINDOW,
  SETTINGS,
  uint32At,
  uint32Text,
} from './frames.ts';
import type { Http2Options } from './types.ts';

const HEADER_TABLE_SIZE = 1;
const ENABLE_PUSH = 2;
const MAX_CONCURRENT_STREAMS = 3;
const INITIAL_WINDOW_SIZE = 4;
const MAX_FRAME_SIZE = 5;
const MAX_HEADER_LIST_SIZE = 6;
const ENABLE_CONNECT_PROTOCOL = 8;

const SETTING_BYTES = 6;
const LARGEST_MAX_FRAME = 0xffffff;
const INITIAL_TABLE_BYTES = 4096;

/** What the peer allows us. */
export interface PeerSettings {
  headerTableBytes: number;
  maxConcurrentStreams: number;
  initialWindow: number;
  maxFrameBytes: number;
  /** SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441): the server takes extended CONNECT. */
  allowsConnect: boolean;
}

/** Before the peer has said anything (RFC 9113 section 6.5.2). */
export function initialPeerSettings(): PeerSettings {
  return {
    headerTableBytes: INITIAL_TABLE_BYTES,
    maxConcurrentStreams: MAX_STREAM_ID,
    initialWindow: INITIAL_WINDOW,
    maxFrameBytes: MAX_FRAME_BYTES,
    allowsConnect: false,
  };
}

function settingText(id: number, value: number): string {
  return String.fromCharCode(0, id) + uint32Text(value);
}

/** Our SETTINGS frame. */
export function settingsText(isServer: boolean, streamWindowBytes: number, options: Http2Options): string {
  const settings =
    settingText(HEADER_TABLE_SIZE, options.hpackTableBytes) +
    (isServer ? settingText(MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams) : settingText(ENABLE_PUSH, 0)) +
    settingText(INITIAL_WINDOW_SIZE, streamWindowBytes) +
    settingText(MAX_HEADER_LIST_SIZE, options.maxHeadBytes) +
    (isServer && options.allowsConnect ? settingText(ENABLE_CONNECT_PROTOCOL, 1) : '');
  return frameHeadText(settings.length, SETTINGS, 0, 0) + settings;
}

export const SETTINGS_ACK_TEXT = frameHeadText(0, SETTINGS, ACK, 0);

/**
 * Reads the payload of the peer's SETTINGS into `settings`. Gives what is wrong with it. `isFromServer`: servers may
 * not enable push (RFC 9113 section 6.5.2).
 */
export function readSettings(
  bytes: Uint8Array,
  start: number,
  end: number,
  isFromServer: boolean,
  settings: PeerSettings,
): Fault | undefined {
  if ((end - start) % SETTING_BYTES !== 0) return fault('http2.payload_size');
  for (let at = start; at < end; at += SETTING_BYTES) {
    const id = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const found = readSetting(id, uint32At(bytes, at + 2), isFromServer, settings);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readSetting(id: number, value: number, isFromServer: boolean, settings: PeerSettings): Fault | undefined {
  switch (id) {
    case HEADER_TABLE_SIZE:
      settings.headerTableBytes = value;
      return undefined;
    case ENABLE_PUSH:
      return value > (isFromServer ? 0 : 1) ? fault('http2.setting') : undefined;
    case MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value;
      return undefined;
    case INITIAL_WINDOW_SIZE:
      if (value > MAX_WINDOW) return fault('http2.initial_window');
      settings.initialWindow = value;
      return undefined;
    case MAX_FRAME_SIZE:
      if (value < MAX_FRAME_BYTES || value > LARGEST_MAX_FRAME) return fault('http2.setting');
      settings.maxFrameBytes = value;
      return undefined;
    case ENABLE_CONNECT_PROTOCOL:
      // RFC 8441 section 3: once allowed, it cannot be taken back.
      if (value > 1 || (value === 0 && settings.allowsConnect)) return fault('http2.setting');
      settings.allowsConnect = value === 1;
      return undefined;
    default:
      return undefined;
  }
}
