/** What each claim says, in a sentence: for whoever writes one into a scenario or meets it there. How it is judged is said in the file of its check. */
import type { ClaimName } from './names.ts';

export const MEANINGS: Readonly<Record<ClaimName, string>> = {
  'no-fabrication': 'Nothing is handed out that nobody made.',
  'confirmed-durable':
    'What a producer was told is stored stays somewhere until it is done, dead-lettered or removed by a stated policy.',
  'at-most-once': 'In each group no message is handed out twice, and none has two effects.',
  'at-least-once':
    'Each confirmed message has, in the end, an effect with each group that reads it, or is dead-lettered, or was removed by a stated policy.',
  'exactly-once-effect':
    'With each group, each confirmed message changes the state once in the end; it may be handed out more often.',
  conservation:
    'At every moment each message is in one known state: none vanishes unheard, and nothing is handed out that was not there.',
  'replay-fidelity': 'Reading from an offset again gives the same records in the same order.',
  'atomic-publish-and-commit':
    'The messages of one transaction and the offset of what they were made of become visible together or not at all, and so do what a producer writes to its store and what it publishes.',
  'idempotent-produce': 'For each producer and partition the log holds each message once and in the order of sending.',
  'lock-exclusivity': 'On the broker’s clock, two locks on one message never overlap.',
  'zombie-overlap':
    'No two workers work on one message at once. No broker can promise it: a worker may go on after its lock has ended.',
  'stale-ack-fencing': 'An ack whose lock has ended changes nothing.',
  'no-early-redelivery':
    'A message comes again only after its lock ended, it was given back, or its holder was declared gone.',
  'delivery-bound': 'No message is handed out more often than the limit says.',
  'dead-letter-exactness':
    'A message is dead-lettered exactly when the rule says so, is not acked as well, and reaches the dead-letter queue.',
  'poison-isolation': 'A message that no handler can process does not keep the healthy ones behind it from being done.',
  'partition-order': 'First attempts follow the order of the log or queue; only a repeat steps back.',
  'key-order': 'Messages of one key have their first effects in the order in which their producer sent them.',
  'fifo-group-order': 'In a message group nothing is handed out while an earlier message of the group is unsettled.',
  'single-owner':
    'In each generation of a group a partition has at most one owner, and whoever is no longer the owner cannot commit.',
  'commit-safety': 'A committed offset says that everything below it is done.',
  'commit-monotonic': 'A committed offset falls only by an explicit seek.',
  'single-leader':
    'In each epoch a partition has at most one leader, and its high watermark falls only by an unclean election.',
  'committed-survives': 'What stood below the high watermark of a partition stays there.',
  'inconsistent-offsets': 'At one offset nobody sees two different messages.',
  duplicate: 'No message stands at two offsets.',
  'aborted-read': 'No reader is handed a message of a transaction that was aborted.',
  'precommitted-read': 'Who reads committed transactions only is handed nothing before the transaction is committed.',
  'lost-write': 'No confirmed message stays unread although later ones were read.',
  unseen: 'Each confirmed message has been read by the end.',
  'poll-skip': 'Between two polls a consumer passes over no record.',
  'nonmonotonic-poll': 'Between two polls a consumer gets no record again.',
  'nonmonotonic-send': 'What a producer sends later stands at a higher offset.',
  g0: 'The writes of any two transactions stand in one order, in every partition.',
  g1c: 'No transaction is made of what came about only after it.',
  progress: 'After the last fault, each live group for which something waits makes an effect within a minute.',
  drained: 'In the end nothing is ready or in flight.',
  'bounded-redelivery': 'After the last fault repeats become fewer: there is no retry storm.',
  'rebalance-settles': 'Once its members stay the same, the generation of a group stays the same too.',
};
