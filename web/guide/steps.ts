/**
 * The tour as data: what each step tells and asks, when it is done, which real control it points at, and which controls the page has from then on. Pure, so that a
 * test can walk through it with a run of the scenario and no page.
 */
import type { FactId, MessageId } from '../../core/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { F } from '../../sim/vocabulary.ts';
import type { Tab } from '../panels.svelte.ts';

/** The scenario of the tour is the library's story with its script taken out: the person does all of it. */
export const TOUR = {
  scenario: 'first-message',
  producer: 'shop',
  consumer: 'packer',
  sets: [
    'story=',
    'producers.shop.send=[]',
    'timeline=[{ at: 0s, stop: packer }]',
    'captions=[]',
    'exercised=[]',
    'expect=[]',
    'claims=[at-least-once, at-most-once]',
  ],
} as const;

/** Groups of controls that come one after the other. */
export type Part = 'play' | 'step' | 'time' | 'panels' | 'head';

/** What the person may ask the card for. */
export type Act = 'send' | 'start' | 'go-on' | 'return' | 'undo';

/** The card's button. */
export interface Offer {
  readonly act: Act;
  readonly label: string;
  /** Why it can do nothing now; '' when it can. */
  readonly disabled: string;
}

/** Facts that steps wait for; 0 while the run has none. */
export interface Landmarks {
  readonly stored1: FactId;
  readonly begun1: FactId;
  readonly acked1: FactId;
  readonly begun2: FactId;
  /** The packer died with the second message in its hands. */
  readonly crashed2: FactId;
  /** The second message handed out for the second time. */
  readonly again2: FactId;
}

/** All that a step may look at. */
export interface Seen extends Landmarks {
  readonly fact: FactId;
  /** Messages that the run makes. */
  readonly made: number;
  readonly playing: boolean;
  readonly running: boolean;
  readonly packer: string;
  /** The packer is at work on the second message. */
  readonly holds2: boolean;
  readonly selected: MessageId;
  readonly tab: Tab;
  /** The scenarios are open. */
  readonly picking: boolean;
}

export interface Step {
  /** What is to be seen now, and what it means. */
  readonly tells: string;
  /** The one thing to do. */
  readonly asks: string;
  /** Selector of the control to use; '' when it is the card's own button. */
  readonly points: string;
  /** Selector of what is told of, where a narrow page may have it out of sight. */
  readonly seen?: string;
  readonly reveals: readonly Part[];
  readonly isDone: (seen: Seen) => boolean;
  /** Where the playhead stops when it comes by; absent when it is no fact that is waited for. */
  readonly goal?: keyof Landmarks;
  /** Null when the card has no button. */
  readonly offer: (seen: Seen) => Offer | null;
}

const WAY = 'it is on its way';

function offer(act: Act, label: string, disabled = ''): Offer {
  return { act, label, disabled };
}

/** Once its act is done, the card's button has only to bring the person to what follows. */
function onwards({ playing, running }: Seen): Offer {
  return offer('go-on', 'Go on', playing || running ? WAY : '');
}

/** Where the run no longer leads on, because the person did something else as well. */
function rescue(seen: Seen, goal: FactId): Offer | null {
  if (goal !== 0 || seen.running) return null;
  return seen.packer === 'up' ? offer('undo', 'Undo the last change') : offer('start', 'Start the packer');
}

const PLAY = '.transport .play button';

export const STEPS: readonly Step[] = [
  {
    tells:
      'A shop, a queue, and a packer who has not come to work yet. Each order of the shop is to become a message in the queue.',
    asks: 'Send the first one.',
    points: '',
    reveals: [],
    goal: 'stored1',
    isDone: ({ stored1, fact }) => stored1 > 0 && fact >= stored1,
    offer: (seen) => (seen.made === 0 ? offer('send', 'Send a message', seen.running ? WAY : '') : onwards(seen)),
  },
  {
    tells:
      'The order waits in the queue. Nobody is packing yet, and the shop need not care: it can close, and the order is kept.',
    asks: 'Let a packer come to work.',
    points: '',
    reveals: [],
    goal: 'begun1',
    isDone: ({ begun1, fact }) => begun1 > 0 && fact >= begun1,
    offer: (seen) =>
      seen.packer !== 'up' && seen.begun1 === 0 && !seen.running ? offer('start', 'Start the packer') : onwards(seen),
  },
  {
    tells:
      'The packer has a copy. In the queue the order keeps its place, now dashed: it is locked, so nobody else gets it. The ring around it is what is left of eight seconds.',
    asks: 'Press Play (or the space bar), and see what removes it.',
    points: PLAY,
    reveals: ['play'],
    goal: 'acked1',
    isDone: ({ acked1, fact }) => acked1 > 0 && fact >= acked1,
    offer: (seen) => rescue(seen, seen.acked1),
  },
  {
    tells: 'It is gone. The packer said “done”: that is an ack. Without one, the queue would have kept the message.',
    asks: 'Go one step back (or press the left arrow key), to the moment before.',
    points: '.transport [aria-label="One fact back"]',
    reveals: ['play', 'step'],
    isDone: ({ acked1, fact }) => fact < acked1,
    offer: (seen) => (seen.acked1 > seen.fact || seen.playing ? null : rescue(seen, seen.acked1)),
  },
  {
    tells:
      'You can always go back. Here the work is done and the ack still on its way, so the order is still in the queue. And if the packer died before it could say “done”?',
    asks: 'Send another one, to find out.',
    points: '',
    reveals: ['play', 'step'],
    goal: 'begun2',
    isDone: ({ begun2, fact }) => begun2 > 0 && fact >= begun2,
    offer: (seen) => (seen.made < 2 && !seen.running ? offer('send', 'Send another message') : onwards(seen)),
  },
  {
    tells: 'The packer has the second order in its hands, and is far from done.',
    asks: 'Open the packer’s menu (click, tap or Enter), and crash it.',
    points: '[aria-label^="Consumer packer"]',
    reveals: ['play', 'step'],
    goal: 'crashed2',
    // What is done at the playhead happens after it: the goal takes the playhead there.
    isDone: ({ crashed2, running }) => crashed2 > 0 && !running,
    offer: (seen) => {
      if (seen.running || (seen.holds2 && seen.packer === 'up')) return null;
      return seen.begun2 > 0 && seen.fact !== seen.begun2
        ? offer('return', 'Back to that moment')
        : offer('undo', 'Undo the last change');
    },
  },
  {
    tells:
      'It is dead, and nobody tells the queue, which only sees that no ack comes. Its lock runs on. Is the order lost?',
    asks: 'Press Play, and watch the ring around message 2.',
    points: PLAY,
    reveals: ['play', 'step', 'time'],
    goal: 'again2',
    isDone: ({ again2, fact }) => again2 > 0 && fact >= again2,
    offer: (seen) => rescue(seen, seen.again2),
  },
  {
    tells:
      'The lock ran out without an ack, so the queue handed the order out a second time. That is at-least-once: a message is not lost, but it may come twice. All of it stands in the log.',
    asks: 'Ask why: choose message 2 where it lies in the queue, or a line of the log that names it.',
    points: '.panel .log li button[aria-current]',
    reveals: ['play', 'step', 'time', 'panels'],
    isDone: ({ selected }) => selected === 2,
    offer: () => null,
  },
  {
    tells: 'Below the log stands why, newest first: each line is the cause of the one above it.',
    asks: 'Open the Verdicts, to see what this run proves.',
    points: '#tab-Verdicts',
    seen: '.panel > .brief',
    reveals: ['play', 'step', 'time', 'panels'],
    isDone: ({ tab }) => tab === 'Verdicts',
    offer: () => null,
  },
  {
    tells:
      'At least once holds. At most once does not, and the facts that prove it are named. Who packs twice charges twice: so the consumer must be idempotent: a message that comes again may do no harm.',
    asks: 'That is the tour. Open the scenarios, and choose what to break next.',
    points: '.pick [aria-label="Scenarios"]',
    reveals: ['play', 'step', 'time', 'panels', 'head'],
    isDone: ({ picking }) => picking,
    offer: () => null,
  },
];

export function landmarksOf(trace: Trace): Landmarks {
  const first = (kind: number, message: MessageId, attempt = 0): FactId => {
    for (let id = 1; id <= trace.count; id++) {
      const isIt = trace.kind(id) === kind && trace.messageOf(id) === message;
      if (isIt && (attempt === 0 || trace.detail(id) === attempt)) return id;
    }
    return 0;
  };
  const begun2 = first(F.begun, 2);
  return {
    stored1: first(F.appended, 1),
    begun1: first(F.begun, 1),
    acked1: first(F.acked, 1),
    begun2,
    crashed2: crashAfter(trace, begun2, first(F.acked, 2)),
    again2: first(F.delivered, 2, 2),
  };
}

/** The first crash of a consumer after one fact and before another; 0 for none. A later fact of 0 is none. */
function crashAfter(trace: Trace, from: FactId, to: FactId): FactId {
  const end = to === 0 ? trace.count : to;
  for (let id = from + 1; from > 0 && id <= end; id++) {
    if (trace.kind(id) === F.crashed && trace.actors[trace.actor(id)]?.kind === 'consumer') return id;
  }
  return 0;
}
