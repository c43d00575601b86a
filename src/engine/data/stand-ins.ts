/** Which pictures stand in for unreadable ones. */

/**
 * The places of an epoch's order that are tried, one after the other, for a place whose picture cannot be read: a whole
 * round, so every place once. First those behind the last batch, which the epoch leaves out; then from half an epoch
 * away backwards, so that a picture is not seen twice in a step where that can be avoided. Where the search starts
 * depends on the place, so that not every unreadable picture gets the same stand-in; on nothing else, so that a run that
 * is taken up gives the same.
 * @param used places that the epoch's batches take: 0 … used − 1.
 * @param count places in all.
 */
export function* standIns(place: number, used: number, count: number): Generator<number> {
  const behind = count - used;
  for (let i = 0; i < behind; i++) yield used + ((place + i) % behind);
  const far = place + Math.floor(used / 2);
  for (let i = 0; i < used; i++) yield (far - i + used) % used;
}
