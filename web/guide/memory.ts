/** Whether this browser's person has taken the tour, or said that they do not want it. */

const KEY = 'queuelab.tour';

/** True also where nothing can be remembered: who forbids storage is not to be asked at each visit. */
export function knowsTour(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return true;
  }
}

export function rememberTour(): void {
  try {
    localStorage.setItem(KEY, 'taken');
  } catch {
    // It is then not remembered, and not asked for either.
  }
}
