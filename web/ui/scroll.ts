/**
 * Scrolling over more than an element can be high: browsers draw nothing beyond some 16 million px. Up to a safe height the two agree; beyond it, the
 * bar stands for a share of the whole. And scrolling sideways: where more lies beyond an edge.
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

/** Keeps `data-more` of what scrolls sideways up to date: `left` and `right`, as far as more of it lies there. The palette lets those edges fade, so that what is beyond is looked for. */
export function edges(element: HTMLElement): () => void {
  const look = (): void => {
    const { scrollLeft, scrollWidth, clientWidth } = element;
    const more = [
      ...(scrollLeft > 1 ? ['left'] : []),
      ...(scrollWidth - clientWidth - scrollLeft > 1 ? ['right'] : []),
    ];
    if (element.dataset['more'] !== more.join(' ')) element.dataset['more'] = more.join(' ');
  };
  const watch = new ResizeObserver(look);
  const follow = (): void => {
    watch.disconnect();
    watch.observe(element);
    for (const child of element.children) watch.observe(child);
  };
  const children = new MutationObserver(follow);
  children.observe(element, { childList: true });
  follow();
  element.addEventListener('scroll', look, { passive: true });
  return () => {
    watch.disconnect();
    children.disconnect();
    element.removeEventListener('scroll', look);
  };
}

/** Scrolls what holds an element to the side, no farther than until it is in sight with so much room beside it, px. `scrollIntoView` would also have Tab go on from there. */
export function showSideways(element: HTMLElement, room: number): void {
  const holder = element.parentElement;
  if (holder === null) return;
  const own = element.getBoundingClientRect();
  const all = holder.getBoundingClientRect();
  const before = own.left - room - all.left;
  const after = own.right + room - all.right;
  if (before < 0) holder.scrollLeft += before;
  else if (after > 0) holder.scrollLeft += after;
}
