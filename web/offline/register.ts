/** Keeps the built app for visits without a network, when the page has become quiet. Where that cannot be (a file, a frame, an insecure host) nothing happens. */

/** After the page has been loaded, ms: the first run comes first. */
const QUIET_MS = 3_000;

export function keepForLater(): void {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator) || window.top !== window) return;
  const register = (): void => {
    setTimeout(() => {
      // Its address is relative to the page, whatever folder that is in. A browser that refuses has its reasons.
      navigator.serviceWorker.register('./service-worker.js').catch(() => undefined);
    }, QUIET_MS);
  };
  if (document.readyState === 'complete') register();
  else addEventListener('load', register, { once: true });
}
