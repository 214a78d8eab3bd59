/**
 * What to try next while picture and sound are interrupted, from the mildest: a new path, a new connection into the same
 * seat, sound without picture, and at last the telephone. Both sides climb; the patient's page a little later, so that
 * the two do not get in each other's way.
 */

export type Rescue = "restart" | "renew" | "sound" | "phone";

export type Trouble = {
  /** Since the media stopped. */
  lasted_ms: number;
  /** Of that, with a line to the room: without one nothing can be agreed, so the clock of the later steps stands. */
  reachable_ms: number;
};

type Step = { rescue: Rescue; lasted_ms: number; reachable_ms: number };

const LADDER: Step[] = [
  { rescue: "restart", lasted_ms: 500, reachable_ms: 0 }, // a shorter blip mends itself
  { rescue: "renew", lasted_ms: 8_000, reachable_ms: 6_000 },
  { rescue: "sound", lasted_ms: 20_000, reachable_ms: 15_000 },
  { rescue: "phone", lasted_ms: 40_000, reachable_ms: 0 },
];
const POLITE_LATER_MS = 2_000;

/** How many steps of the ladder are due by now. */
export function stepsDue(trouble: Trouble, polite: boolean): number {
  const later = polite ? POLITE_LATER_MS : 0;
  const due = (step: Step): boolean =>
    trouble.lasted_ms >= step.lasted_ms + later && trouble.reachable_ms >= step.reachable_ms;
  return LADDER.filter(due).length;
}

/** The rescues between `taken` steps and what is due now, in order. */
export function rescuesDue(trouble: Trouble, polite: boolean, taken: number): Rescue[] {
  return LADDER.slice(taken, Math.max(taken, stepsDue(trouble, polite))).map((step) => step.rescue);
}
