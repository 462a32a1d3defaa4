/** Which players are in sight, and which will soon be; one pair of observers for all of a document. */

/** So far below or above the window a player begins to run, so that it is there when it is reached. */
const NEAR = '600px 0px';

export interface Seen {
  /** It is in sight, or nearly. Told once. */
  comesNear(): void;
  /** Some of it is in sight, in a tab that is shown; or none is. */
  isSeen(seen: boolean): void;
}

const watched = new Map<Element, Seen>();
const inSight = new WeakSet<Element>();

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      watched.get(target)?.comesNear();
    }
  },
  { rootMargin: NEAR },
);

const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) inSight.add(target);
    else inSight.delete(target);
    tell(target);
  }
});

document.addEventListener('visibilitychange', () => {
  for (const target of watched.keys()) tell(target);
});

function tell(target: Element): void {
  watched.get(target)?.isSeen(inSight.has(target) && !document.hidden);
}

export function watch(target: Element, seen: Seen): void {
  watched.set(target, seen);
  near.observe(target);
  sight.observe(target);
}

export function unwatch(target: Element): void {
  watched.delete(target);
  near.unobserve(target);
  sight.unobserve(target);
}
