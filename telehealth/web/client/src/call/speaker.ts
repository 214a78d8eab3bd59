/** Who speaks: pure, so that one cough does not turn the page around. */

export type Speaker = {
  /** The account that speaks, or spoke last; "" before anybody has. */
  who: string;
  since_ms: number;
  /** Smoothed loudness by account. */
  heard: ReadonlyMap<string, number>;
};

export const NOBODY: Speaker = { who: "", since_ms: Number.NEGATIVE_INFINITY, heard: new Map() };

const AUDIBLE = 0.02;
const LOUDER = 1.5;
/** Whoever has the floor keeps it for this long. */
const FLOOR_MS = 2000;
const SMOOTH = 0.6;

/** levels: loudness by account, 0..1, a few times a second. */
export function listen(speaker: Speaker, levels: ReadonlyMap<string, number>, at_ms: number): Speaker {
  const heard = new Map<string, number>();
  for (const [who, level] of levels) heard.set(who, SMOOTH * (speaker.heard.get(who) ?? 0) + (1 - SMOOTH) * level);
  const [loudest, loudness] = [...heard].reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0]);
  const gone = !heard.has(speaker.who);
  const beaten = loudness > LOUDER * (heard.get(speaker.who) ?? 0) && at_ms - speaker.since_ms >= FLOOR_MS;
  if (loudness < AUDIBLE || loudest === speaker.who || !(gone || beaten))
    return { ...speaker, who: gone ? "" : speaker.who, heard };
  return { who: loudest, since_ms: at_ms, heard };
}
