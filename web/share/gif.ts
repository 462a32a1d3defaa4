/**
 * Writes an animated GIF, frame by frame. Each frame holds only the rectangle that has changed, with the pixels that stay as they are left transparent, and a colour table of
 * its own with the colours that it has most of. Pure: pixels in, bytes out.
 */

/** Colours of a frame; the last number of the table is what is left as it is. */
const COLOURS = 255;
const STAYS = 255;
/** Codes of the compression: two are marks, and none is longer than 12 bits. */
const CLEAR = 256;
const END = 257;
const CODES_MOST = 4096;

export class GifWriter {
  readonly #out: Bytes;
  readonly #width: number;
  readonly #height: number;
  readonly #delay: number;
  #before: Uint32Array | null = null;
  readonly #quantizer = new Quantizer();
  readonly #codes = new Uint16Array(CODES_MOST * 256);

  /** Size in pixels; `delayMs` for each frame is kept in steps of 10 ms. It plays for ever. */
  constructor(width: number, height: number, delayMs: number) {
    this.#width = width;
    this.#height = height;
    this.#delay = Math.max(2, Math.round(delayMs / 10));
    const out = new Bytes();
    out.text('GIF89a');
    out.word(width);
    out.word(height);
    // No table for all frames, no background, square pixels.
    out.bytes(0, 0, 0);
    out.bytes(0x21, 0xff, 11);
    out.text('NETSCAPE2.0');
    out.bytes(3, 1, 0, 0, 0);
    this.#out = out;
  }

  /** RGBA, row by row; the alpha is not looked at. */
  frame(pixels: Uint8ClampedArray): void {
    const now = new Uint32Array(pixels.buffer.slice(pixels.byteOffset, pixels.byteOffset + pixels.byteLength));
    const changed = this.#changed(now);
    const { x, y, w, h } = changed;
    const indexes = this.#quantizer.indexes(now, this.#before, this.#width, changed);
    const out = this.#out;
    // Kept as it is when the next one comes; the last number of the table is transparent.
    out.bytes(0x21, 0xf9, 4, 0b0000_0101);
    out.word(this.#delay);
    out.bytes(STAYS, 0);
    out.bytes(0x2c);
    for (const value of [x, y, w, h]) out.word(value);
    // A table of 256 colours.
    out.bytes(0b1000_0111);
    out.all(this.#quantizer.table);
    compress(indexes, this.#codes, out);
    this.#before = now;
  }

  end(): Uint8Array<ArrayBuffer> {
    this.#out.bytes(0x3b);
    return this.#out.whole();
  }

  /** The least rectangle that holds all that differs from the frame before; one pixel where nothing does. */
  #changed(now: Uint32Array): Rect {
    const before = this.#before;
    const [width, height] = [this.#width, this.#height];
    if (before === null) return { x: 0, y: 0, w: width, h: height };
    let [left, right, top, bottom] = [width, -1, -1, -1];
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at++) {
        if (now[at] === before[at]) continue;
        if (top < 0) top = y;
        bottom = y;
        if (x < left) left = x;
        if (x > right) right = x;
      }
    }
    return right < 0 ? { x: 0, y: 0, w: 1, h: 1 } : { x: left, y: top, w: right - left + 1, h: bottom - top + 1 };
  }
}

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Colours to numbers of a table. Colours that share their upper five bits are one, with the mean of what was seen of it. */
class Quantizer {
  /** Red, green, blue of each number. */
  readonly table = new Uint8Array(256 * 3);
  readonly #counts = new Uint32Array(32_768);
  readonly #reds = new Float64Array(32_768);
  readonly #greens = new Float64Array(32_768);
  readonly #blues = new Float64Array(32_768);
  /** Number in the table, plus 1; 0 while it is not known. */
  readonly #numbers = new Uint16Array(32_768);

  indexes(now: Uint32Array, before: Uint32Array | null, width: number, rect: Rect): Uint8Array {
    const bins = this.#count(now, before, width, rect);
    bins.sort((a, b) => (this.#counts[b] as number) - (this.#counts[a] as number) || a - b);
    const kept = Math.min(bins.length, COLOURS);
    for (let i = 0; i < kept; i++) this.#keep(bins[i] as number, i);
    for (let i = kept; i < bins.length; i++)
      this.#numbers[bins[i] as number] = this.#nearest(bins[i] as number, kept) + 1;
    const { x, y, w, h } = rect;
    const indexes = new Uint8Array(w * h);
    for (let row = 0, to = 0; row < h; row++) {
      for (let at = (y + row) * width + x, end = at + w; at < end; at++, to++) {
        const colour = now[at] as number;
        indexes[to] = before !== null && before[at] === colour ? STAYS : (this.#numbers[binOf(colour)] as number) - 1;
      }
    }
    return indexes;
  }

  /** Which colours there are. */
  #count(now: Uint32Array, before: Uint32Array | null, width: number, { x, y, w, h }: Rect): number[] {
    this.#counts.fill(0);
    this.#reds.fill(0);
    this.#greens.fill(0);
    this.#blues.fill(0);
    const bins: number[] = [];
    for (let row = 0; row < h; row++) {
      for (let at = (y + row) * width + x, end = at + w; at < end; at++) {
        const colour = now[at] as number;
        if (before !== null && before[at] === colour) continue;
        const bin = binOf(colour);
        if (this.#counts[bin] === 0) bins.push(bin);
        this.#counts[bin] = (this.#counts[bin] as number) + 1;
        this.#reds[bin] = (this.#reds[bin] as number) + (colour & 255);
        this.#greens[bin] = (this.#greens[bin] as number) + ((colour >> 8) & 255);
        this.#blues[bin] = (this.#blues[bin] as number) + ((colour >> 16) & 255);
      }
    }
    return bins;
  }

  #keep(bin: number, number: number): void {
    const many = this.#counts[bin] as number;
    this.table[number * 3] = Math.round((this.#reds[bin] as number) / many);
    this.table[number * 3 + 1] = Math.round((this.#greens[bin] as number) / many);
    this.table[number * 3 + 2] = Math.round((this.#blues[bin] as number) / many);
    this.#numbers[bin] = number + 1;
  }

  #nearest(bin: number, kept: number): number {
    const many = this.#counts[bin] as number;
    const [r, g, b] = [this.#reds[bin] as number, this.#greens[bin] as number, this.#blues[bin] as number];
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (let i = 0; i < kept; i++) {
      const dr = (this.table[i * 3] as number) - r / many;
      const dg = (this.table[i * 3 + 1] as number) - g / many;
      const db = (this.table[i * 3 + 2] as number) - b / many;
      const distance = 2 * dr * dr + 4 * dg * dg + 3 * db * db;
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  }
}

function binOf(colour: number): number {
  return ((colour >> 3) & 31) | (((colour >> 11) & 31) << 5) | (((colour >> 19) & 31) << 10);
}

/** The variable-length codes of the format, in blocks of at most 255 bytes. `codes`: room for every pair of a code and a number. */
function compress(indexes: Uint8Array, codes: Uint16Array, out: Bytes): void {
  out.bytes(8);
  const block = new Block(out);
  let next = END + 1;
  let bits = 9;
  const clear = (): void => {
    block.code(CLEAR, bits);
    codes.fill(0);
    next = END + 1;
    bits = 9;
  };
  clear();
  let prefix = indexes[0] ?? 0;
  for (let i = 1; i < indexes.length; i++) {
    const number = indexes[i] as number;
    const pair = prefix * 256 + number;
    const known = codes[pair] as number;
    if (known !== 0) {
      prefix = known;
      continue;
    }
    block.code(prefix, bits);
    prefix = number;
    if (next === CODES_MOST) {
      clear();
      continue;
    }
    if (next >= 1 << bits) bits++;
    codes[pair] = next++;
  }
  block.code(prefix, bits);
  block.code(END, bits);
  block.end();
}

/** Packs codes into bytes, the lowest bit first. */
class Block {
  readonly #out: Bytes;
  readonly #bytes = new Uint8Array(255);
  #length = 0;
  #rest = 0;
  #bits = 0;

  constructor(out: Bytes) {
    this.#out = out;
  }

  code(code: number, bits: number): void {
    this.#rest |= code << this.#bits;
    this.#bits += bits;
    while (this.#bits >= 8) {
      this.#byte(this.#rest & 255);
      this.#rest >>>= 8;
      this.#bits -= 8;
    }
  }

  end(): void {
    if (this.#bits > 0) this.#byte(this.#rest & 255);
    this.#flush();
    this.#out.bytes(0);
  }

  #byte(byte: number): void {
    this.#bytes[this.#length++] = byte;
    if (this.#length === 255) this.#flush();
  }

  #flush(): void {
    if (this.#length === 0) return;
    this.#out.bytes(this.#length);
    this.#out.all(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
  }
}

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(65_536);
  #length = 0;

  bytes(...bytes: number[]): void {
    for (const byte of bytes) {
      if (this.#length === this.#bytes.length) this.#grow(1);
      this.#bytes[this.#length++] = byte;
    }
  }

  /** Two bytes, the lower one first. */
  word(value: number): void {
    this.bytes(value & 255, value >> 8);
  }

  text(text: string): void {
    for (const letter of text) this.bytes(letter.charCodeAt(0));
  }

  all(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  whole(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(by: number): void {
    if (this.#length + by <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + by));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
