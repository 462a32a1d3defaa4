/**
 * Rows of numbers in pages that copies share: `fork` costs one pointer a page, and a page is copied only when one side writes to it. That makes a
 * keyframe of a queue with 200,000 messages affordable: what did not change between two keyframes is stored once.
 */

const BITS = 6;
/** Rows in a page. */
const ROWS = 1 << BITS;
const MASK = ROWS - 1;

export class Pages {
  /** Numbers in a row. */
  readonly columns: number;
  readonly pages: (Float64Array | null)[];
  /** Bytes of pages made since the last fork: what a fork now would not share with that one. */
  madeBytes = 0;
  #owned: boolean[];

  constructor(columns: number, pages: (Float64Array | null)[] = []) {
    this.columns = columns;
    this.pages = pages;
    this.#owned = pages.map(() => false);
  }

  /** A row's number; 0 where nothing was ever written. */
  get(row: number, column: number): number {
    const page = this.pages[row >>> BITS];
    return page === null || page === undefined ? 0 : (page[(row & MASK) * this.columns + column] as number);
  }

  set(row: number, column: number, value: number): void {
    const at = row >>> BITS;
    const page = this.#owned[at] === true ? (this.pages[at] as Float64Array) : this.#own(at);
    page[(row & MASK) * this.columns + column] = value;
  }

  /** A copy that shares every page until one of the two writes to it. */
  fork(): Pages {
    this.#owned.fill(false);
    this.madeBytes = 0;
    return new Pages(this.columns, this.pages.slice());
  }

  #own(at: number): Float64Array {
    const old = this.pages[at];
    const page =
      old === null || old === undefined
        ? new Float64Array(ROWS * this.columns)
        : Float64Array.prototype.slice.call(old);
    this.madeBytes += page.byteLength;
    while (this.pages.length < at) {
      this.pages.push(null);
      this.#owned.push(false);
    }
    this.pages[at] = page;
    this.#owned[at] = true;
    return page;
  }
}
