/**
 * Scrolling over more than an element can be high: browsers draw nothing beyond some 16 million px. Up to a safe height the two agree; beyond it, the
 * bar stands for a share of the whole.
 */

const HIGHEST = 8_000_000;

/** How high the element is that makes the scroll bar. */
export function spacerHeight(total: number): number {
  return Math.min(total, HIGHEST);
}

/** From where the bar stands to what is at the top of the view. */
export function topOf(scrollTop: number, total: number, view: number): number {
  if (total <= HIGHEST) return scrollTop;
  return (scrollTop / Math.max(1, HIGHEST - view)) * Math.max(0, total - view);
}

/** The other way round. */
export function scrollTopOf(top: number, total: number, view: number): number {
  if (total <= HIGHEST) return top;
  return (top / Math.max(1, total - view)) * Math.max(0, HIGHEST - view);
}
