/** What on the stage can be pointed at and acted on, by the numbers of the run that is shown. */
import type { ActorId, FactId, MessageId, PlaceId } from '../../core/types.ts';

export type Thing =
  | { readonly type: 'actor'; readonly id: ActorId }
  | { readonly type: 'place'; readonly id: PlaceId }
  /** Between two boxes; `from` and `to` are keys of the layout, such as `actor 3` or `place 5`. */
  | { readonly type: 'link'; readonly from: string; readonly to: string }
  /** `hop` is the fact `sent` of the copy that was pointed at; 0 where it is not on its way. */
  | { readonly type: 'message'; readonly id: MessageId; readonly hop: FactId };

/** The thing that a layout's key stands for; null for none. */
export function thingOf(key: string): Thing | null {
  const [type, number] = key.split(' ');
  const id = Number(number);
  if (!Number.isInteger(id) || id < 1) return null;
  return type === 'actor' || type === 'place' ? { type, id } : null;
}
