/** How a picture over time is scrubbed: a press or a drag moves the playhead there, and so do the arrows while it has the focus, which then do not reach the page. */
import type { Micros } from '../../core/types.ts';

export interface Scrubbed {
  readonly nowUs: Micros;
  /** Its right edge. */
  readonly untilUs: Micros;
  /** So many px from the left edge of the element that hears the pointer. */
  readonly timeAt: (px: number) => Micros;
}

interface Scrubbing {
  readonly onpointerdown: (event: PointerEvent) => void;
  readonly onpointermove: (event: PointerEvent) => void;
  readonly onkeydown: (event: KeyboardEvent) => void;
}

/** `picture` is asked anew each time; `go` moves the playhead. */
export function scrubbing(picture: () => Scrubbed, go: (us: Micros) => void): Scrubbing {
  const follow = (event: PointerEvent): void => go(timeUnder(event, picture()));
  return {
    onpointerdown: (event) => {
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
      follow(event);
    },
    onpointermove: (event) => {
      if (event.buttons === 1 && (event.currentTarget as HTMLElement).hasPointerCapture(event.pointerId)) follow(event);
    },
    onkeydown: (event) => {
      const share = shareOfKey(event);
      const { nowUs, untilUs } = picture();
      if (share !== 0) go(Math.round(nowUs + share * untilUs));
    },
  };
}

/** Never beyond the picture, also where the pointer is. */
export function timeUnder(event: PointerEvent, { untilUs, timeAt }: Scrubbed): Micros {
  const { left } = (event.currentTarget as HTMLElement).getBoundingClientRect();
  return Math.round(Math.max(0, Math.min(timeAt(event.clientX - left), untilUs)));
}

const SHARES: Readonly<Record<string, number>> = { ArrowLeft: -0.01, ArrowRight: 0.01, PageDown: -0.1, PageUp: 0.1 };

/** By which share of the picture the playhead moves, −1 … 1; 0 for any other key, which goes on to the page. */
function shareOfKey(event: KeyboardEvent): number {
  const share = SHARES[event.key] ?? 0;
  if (share === 0 || event.altKey || event.ctrlKey || event.metaKey) return 0;
  event.preventDefault();
  event.stopPropagation();
  return share;
}
