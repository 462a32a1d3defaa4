/** How long a scenario's text may be, in letters. On its own, so that who only asks this needs no parser. */
export const LONGEST_FILE = 1_000_000;
