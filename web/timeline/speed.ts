/** The speed of playing as people read it, on a scale of doublings. */

/** Doublings slower and faster than the default that the slider offers. */
export const OCTAVES = { slower: 5, faster: 12 } as const;

/** Virtual µs in a ms of watching, as a share of real time: "1/64", "1", "40". */
export function speedWords(usPerMs: number): string {
  const rate = usPerMs / 1000;
  if (rate >= 0.75) return rate >= 10 ? String(Math.round(rate)) : String(Math.round(rate * 10) / 10);
  return `1/${Math.round(1 / rate)}`;
}
