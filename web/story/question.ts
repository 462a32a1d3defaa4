/** Which fact of a message "why?" is asked about, and the question in words. */
import type { FactId } from '../../core/types.ts';
import type { MessageStory } from '../../sim/folds/message-story.ts';
import type { Trace } from '../../sim/trace.ts';
import { F, FACTS } from '../../sim/vocabulary.ts';

/** The present fact if it is about the message, else its latest one before the playhead that is more than a hop; else its first. */
export function whyFact(trace: Trace, story: MessageStory, present: FactId): FactId {
  let latest = 0;
  for (const id of story.facts) {
    if (id === present) return id;
    if (id > present) break;
    if (FACTS[trace.name(id)].tone !== 'quiet') latest = id;
  }
  return latest > 0 ? latest : (story.facts[0] ?? 0);
}

export function questionOf(trace: Trace, fact: FactId): string {
  const message = trace.messageOf(fact);
  const kind = trace.kind(fact);
  if (kind === F.applied && trace.detail(fact) > 1) return `Message ${message}, why twice?`;
  if (kind === F.delivered && trace.detail(fact) > 1) return `Message ${message}, why delivered again?`;
  if (kind === F['dead-lettered']) return `Message ${message}, why dead-lettered?`;
  if (kind === F.lost) return `Message ${message}, why lost?`;
  return message > 0 ? `Message ${message}, why?` : 'Why?';
}
