import { expect, it } from 'vitest';
import { GifWriter } from '../../web/share/gif.ts';

const [WIDTH, HEIGHT] = [90, 60];

/** Pixels of one colour each. */
function pixels(colour: (x: number, y: number) => readonly [number, number, number]): Uint8ClampedArray {
  const data = new Uint8ClampedArray(WIDTH * HEIGHT * 4);
  for (let at = 0; at < WIDTH * HEIGHT; at++) {
    const [r, g, b] = colour(at % WIDTH, Math.floor(at / WIDTH));
    data.set([r, g, b, 255], at * 4);
  }
  return data;
}

interface Frame {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
  readonly table: Uint8Array;
  readonly numbers: readonly number[];
}

/** Reads what the writer wrote, as the format says; throws where it does not agree. */
function read(bytes: Uint8Array): { readonly delays: readonly number[]; readonly frames: readonly Frame[] } {
  const word = (at: number): number => (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  expect(String.fromCharCode(...bytes.subarray(0, 6))).toBe('GIF89a');
  expect([word(6), word(8)]).toEqual([WIDTH, HEIGHT]);
  const delays: number[] = [];
  const frames: Frame[] = [];
  let at = 13;
  while (bytes[at] !== 0x3b) {
    if (bytes[at] === 0x21) {
      if (bytes[at + 1] === 0xf9) delays.push(word(at + 4));
      at += 2;
      while (bytes[at] !== 0) at += 1 + (bytes[at] as number);
      at++;
      continue;
    }
    expect(bytes[at]).toBe(0x2c);
    const [x, y, w, h] = [word(at + 1), word(at + 3), word(at + 5), word(at + 7)];
    const table = bytes.subarray(at + 10, at + 10 + 768);
    at += 10 + 768;
    expect(bytes[at]).toBe(8);
    at++;
    const data: number[] = [];
    while (bytes[at] !== 0) {
      const size = bytes[at] as number;
      data.push(...bytes.subarray(at + 1, at + 1 + size));
      at += 1 + size;
    }
    at++;
    frames.push({ x, y, w, h, table, numbers: unpack(data) });
  }
  expect(at).toBe(bytes.length - 1);
  return { delays, frames };
}

/** The codes of the format, read in the plainest way. */
function unpack(data: readonly number[]): number[] {
  const out: number[] = [];
  let [bits, at, code] = [9, 0, 0];
  let entries: number[][] = [];
  let before: readonly number[] = [];
  const next = (): number => {
    let value = 0;
    for (let i = 0; i < bits; i++, at++) value |= (((data[at >> 3] as number) >> (at & 7)) & 1) << i;
    return value;
  };
  for (code = next(); code !== 257; code = next()) {
    if (code === 256) {
      entries = Array.from({ length: 258 }, (_, i) => [i]);
      bits = 9;
      before = [];
      continue;
    }
    const entry = entries[code] ?? [...before, before[0] as number];
    out.push(...entry);
    if (before.length > 0 && entries.length < 4096) entries.push([...before, entry[0] as number]);
    before = entry;
    if (entries.length === 1 << bits && bits < 12) bits++;
  }
  return out;
}

const coloured = ({ table, numbers }: Frame, i: number): number[] => [
  ...table.subarray((numbers[i] as number) * 3, (numbers[i] as number) * 3 + 3),
];

it('a frame of few colours comes back to the pixel', () => {
  const writer = new GifWriter(WIDTH, HEIGHT, 80);
  const colour = (x: number, y: number): readonly [number, number, number] =>
    (x + y) % 3 === 0 ? [251, 250, 246] : x > 20 ? [0, 114, 178] : [28, 33, 39];
  writer.frame(pixels(colour));
  const { delays, frames } = read(writer.end());
  expect(delays).toEqual([8]);
  const [frame] = frames;
  if (frame === undefined) throw new Error('no frame');
  expect(frame.numbers).toHaveLength(WIDTH * HEIGHT);
  const wrong = frame.numbers.findIndex(
    (_, i) => String(coloured(frame, i)) !== String(colour(i % WIDTH, Math.floor(i / WIDTH))),
  );
  expect(wrong, 'the first pixel that differs').toBe(-1);
});

it('a frame holds only what has changed, and what stays within that is transparent', () => {
  const writer = new GifWriter(WIDTH, HEIGHT, 80);
  const paper = (): readonly [number, number, number] => [255, 255, 255];
  writer.frame(pixels(paper));
  writer.frame(pixels((x, y) => ((x === 5 && y === 6) || (x === 7 && y === 9) ? [200, 80, 12] : paper())));
  writer.frame(pixels((x, y) => ((x === 5 && y === 6) || (x === 7 && y === 9) ? [200, 80, 12] : paper())));
  const { frames } = read(writer.end());
  const [, second, third] = frames;
  expect(second).toMatchObject({ x: 5, y: 6, w: 3, h: 4 });
  expect(second?.numbers.filter((number) => number !== 255)).toEqual([0, 0]);
  expect(third).toMatchObject({ w: 1, h: 1, numbers: [255] });
});

it('more colours than a table holds go to the nearest, and long noise is packed and unpacked through many tables of codes', () => {
  const writer = new GifWriter(WIDTH, HEIGHT, 20);
  let n = 7;
  const noise = Array.from({ length: WIDTH * HEIGHT }, () => {
    n = (Math.imul(n, 1664525) + 1013904223) >>> 0;
    return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255] as const;
  });
  const at = (x: number, y: number): readonly [number, number, number] =>
    noise[y * WIDTH + x] as [number, number, number];
  for (let i = 0; i < 3; i++) writer.frame(pixels((x, y) => at((x + i) % WIDTH, y)));
  const { frames } = read(writer.end());
  expect(frames).toHaveLength(3);
  const [frame] = frames;
  if (frame === undefined) throw new Error('no frame');
  expect(frame.numbers).toHaveLength(WIDTH * HEIGHT);
  expect(Math.max(...frame.numbers)).toBeLessThan(255);
  const off = noise.map((wanted, i) => {
    const got = coloured(frame, i);
    return Math.max(...wanted.map((value, k) => Math.abs(value - (got[k] as number))));
  });
  expect(off.reduce((sum, one) => sum + one, 0) / off.length).toBeLessThan(40);
});
