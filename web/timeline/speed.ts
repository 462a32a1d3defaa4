/** The speed of playing as people read it, on a scale of doublings. */
import { type ScaleLogarithmic, scaleLog } from 'd3';

/** Doublings that the slider offers below and above the default. */
const SLOWER = 5;
const FASTER = 12;

/** From a speed to its place on the slider: so many doublings faster (or slower, below 0) than the default. */
export function octaves(defaultSpeed: number): ScaleLogarithmic<number, number> {
  const speeds = [defaultSpeed / 2 ** SLOWER, defaultSpeed * 2 ** FASTER];
  return scaleLog(speeds, [-SLOWER, FASTER]).clamp(true);
}

/** Virtual µs in a ms of watching, as a share of real time: "1/64", "1", "40". */
export function speedWords(usPerMs: number): string {
  const rate = usPerMs / 1000;
  if (rate >= 0.75) return rate >= 10 ? String(Math.round(rate)) : String(Math.round(rate * 10) / 10);
  return `1/${Math.round(1 / rate)}`;
}
