/** Which part of a drawing is seen, and how large: moved by dragging, by the wheel, and by keys. */
import { signal, type Signal } from '@preact/signals';
import type { Layout, Point } from './layout.ts';

interface Viewport {
  /** Where the drawing's origin is on the screen. */
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const SCALE = { min: 0.15, max: 3, fitMax: 1.15 };
const MARGIN_PX = 20;

export interface ViewportControl {
  readonly at: Signal<Viewport>;
  /** Shows all of a drawing. */
  fit(layout: Pick<Layout, 'width' | 'height'>): void;
  zoom(factor: number, around?: Point): void;
  pan(dx: number, dy: number): void;
  /** True once somebody has moved it: it is not fitted by itself any more. */
  isMoved: boolean;
}

/** `size` tells the size of what it is seen through, in pixels. */
export function createViewport(size: () => { readonly width: number; readonly height: number }): ViewportControl {
  const at = signal<Viewport>({ x: 0, y: 0, scale: 1 });
  return {
    at,
    isMoved: false,
    fit({ width, height }) {
      const frame = size();
      if (frame.width === 0 || width === 0) return;
      const wanted = Math.min((frame.width - 2 * MARGIN_PX) / width, (frame.height - 2 * MARGIN_PX) / height, SCALE.fitMax);
      const scale = Math.max(wanted, SCALE.min);
      at.value = { scale, x: (frame.width - width * scale) / 2, y: Math.max(MARGIN_PX, (frame.height - height * scale) / 2) };
      this.isMoved = false;
    },
    zoom(factor, around) {
      const { x, y, scale } = at.value;
      const frame = size();
      const middle = around ?? { x: frame.width / 2, y: frame.height / 2 };
      const next = Math.min(Math.max(scale * factor, SCALE.min), SCALE.max);
      const ratio = next / scale;
      at.value = { scale: next, x: middle.x - (middle.x - x) * ratio, y: middle.y - (middle.y - y) * ratio };
      this.isMoved = true;
    },
    pan(dx, dy) {
      const { x, y, scale } = at.value;
      at.value = { scale, x: x + dx, y: y + dy };
      this.isMoved = true;
    },
  };
}
