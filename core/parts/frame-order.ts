/**
 * One direction of a stream connection: frames come out in the order of their numbers, each once. It neither sends nor asks for
 * what is missing; its owner breaks the connection when a gap stays open.
 * Simplification: TCP would send a lost frame again. Here it never comes, and the connection breaks as after a failed retransmission.
 */

/** Which connection a frame goes by, and its number there, from 1. */
export interface FrameHead {
  readonly connection: number;
  readonly frame: number;
}

/**
 * The body as a frame of a connection. A body that was never sent becomes the frame itself, since copying one for each message costs more than all else
 * that sending it does; one that was sent before is copied, so that what is in transit stays as it was. Where bodies are made in great numbers they are
 * best made with a head of zeros: fields that are added later lie apart and cost an allocation.
 */
export function framed<Body extends object>(body: Body, connection: number, frame: number): Body & FrameHead {
  const fresh = body as Body & { connection?: number; frame?: number };
  if ((fresh.frame ?? 0) > 0) return { ...body, connection, frame };
  fresh.connection = connection;
  fresh.frame = frame;
  return fresh as Body & FrameHead;
}

/**
 * A body in a frame of its own, for links on which bodies of many shapes go: whoever looks at the head meets one shape alone. A body may go in several.
 */
export class Frame<Body extends object> implements FrameHead {
  readonly type = 'frame';
  readonly connection: number;
  readonly frame: number;
  readonly body: Body;

  constructor(connection: number, frame: number, body: Body) {
    this.connection = connection;
    this.frame = frame;
    this.body = body;
  }

  /** The body's size, if it says one. */
  get sizeBytes(): number | undefined {
    return (this.body as { readonly sizeBytes?: number }).sizeBytes;
  }
}

export class FrameOrder<Frame extends { readonly frame: number }> {
  #expected = 1;
  /** Frames that overtook a missing one; made only when that first happens. */
  #early: Map<number, Frame> | undefined;

  /** True when this frame is the next to handle; call `next` after it. Else it was kept for later, or had come before. */
  accept(frame: Frame): boolean {
    if (frame.frame === this.#expected) {
      this.#expected += 1;
      return true;
    }
    if (frame.frame > this.#expected) {
      this.#early ??= new Map();
      this.#early.set(frame.frame, frame);
    }
    return false;
  }

  /** The next frame to handle among those kept for later. */
  next(): Frame | undefined {
    const frame = this.#early?.get(this.#expected);
    if (frame === undefined) return undefined;
    this.#early?.delete(this.#expected);
    this.#expected += 1;
    return frame;
  }

  /** The number of the missing frame for which others wait; 0 when none waits. */
  get missing(): number {
    return this.#early !== undefined && this.#early.size > 0 ? this.#expected : 0;
  }
}
