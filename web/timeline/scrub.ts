/** The keys of a picture over time that has the focus: they move the playhead, and do not reach the page, where the arrows go from fact to fact. */

const SHARES: Readonly<Record<string, number>> = { ArrowLeft: -0.01, ArrowRight: 0.01, PageDown: -0.1, PageUp: 0.1 };

/** By which share of the picture the playhead moves, −1 … 1; 0 for any other key, which goes on to the page. */
export function shareOfKey(event: KeyboardEvent): number {
  const share = SHARES[event.key] ?? 0;
  if (share === 0 || event.altKey || event.ctrlKey || event.metaKey) return 0;
  event.preventDefault();
  event.stopPropagation();
  return share;
}
