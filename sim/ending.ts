/** Why a run is over: its time was up, it met one of its limits, or time stood still. */
export type Ending = 'duration' | 'message limit' | 'fact limit' | 'standstill';

/** Says of a run that was cut short why, and what mends that; '' for one that went on to its end. */
export function cutShort(ending: string): string {
  switch (ending) {
    case 'message limit':
    case 'fact limit':
      return `The run was cut short: it reached its ${ending}, which \`limits:\` can raise.`;
    case 'standstill':
      return 'The run was cut short: time stands still. A million things happened in one instant and left no trace, as when a client that waits for nothing asks again and again over a network without latency. Give the links a latency, or let the client wait between its requests.';
    default:
      return '';
  }
}
