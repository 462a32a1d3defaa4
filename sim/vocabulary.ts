/**
 * The words of the trace for those who may not reach into core: the page shows facts by these tables and knows nothing else of the machines.
 */
export { F, FACT_NAMES, FACTS, FATES, ordinal, REASONS } from '../core/facts.ts';
export { HOPS } from '../core/machine.ts';
