/**
 * How much picture the line can carry. Sound comes first and is never given up; the picture shrinks, thins out and goes
 * before the sound suffers, and comes back by itself.
 *
 * Two rules. `send` is for what this page sends on a connection of its own. `feel` and `share` are for what it receives
 * from an engine that can forward several sizes of each picture. Both are pure: one Sample a second goes in.
 */

import type { Allowance } from "./peer";
import type { Sample } from "./statistics";

/** Below this a picture only harms the sound (measured: at 128 kbit/s VP8 stands still, the sound is whole). */
export const SOUND_ONLY_KBPS = 150;

// What this page sends

export type Rung = 0 | 1 | 2 | 3;

type Step = { allowance: Allowance; least_kbps: number };

/** From sound alone upwards. least_kbps: an estimate under it means one step down. */
const STEPS: Record<Rung, Step> = {
  0: { allowance: null, least_kbps: 0 },
  1: {
    allowance: { maxBitrate: 150_000, scaleResolutionDownBy: 2, maxFramerate: 12 },
    least_kbps: SOUND_ONLY_KBPS,
  },
  2: { allowance: { maxBitrate: 350_000, scaleResolutionDownBy: 1.5, maxFramerate: 20 }, least_kbps: 220 },
  3: { allowance: { maxBitrate: 1_200_000, scaleResolutionDownBy: 1, maxFramerate: 30 }, least_kbps: 400 },
};

export type Sending = {
  rung: Rung;
  since_ms: number;
  /** The last change was upwards: a try. */
  rose: boolean;
  /** Looks in a row that were bad. */
  bad: number;
  goodSince_ms: number;
  /** How long it must be good before the next try upwards; doubles when a try fails. */
  patience_ms: number;
};

const FIRST_PATIENCE_MS = 8_000;
const LONGEST_PATIENCE_MS = 64_000;
/** The browser's estimate needs this long to mean something after a change. */
const SETTLE_MS = 4_000;
/** A step down this soon after a step up means that the step up was wrong. */
const FAILED_WITHIN_MS = 15_000;
const BAD_IN_A_ROW = 2;
/** An estimate must exceed the next step's need by this much: no swinging about one threshold. */
const HEADROOM = 1.3;

export const sendingFrom = (at_ms: number): Sending => ({
  rung: 3,
  since_ms: at_ms,
  rose: false,
  bad: 0,
  goodSince_ms: at_ms,
  patience_ms: FIRST_PATIENCE_MS,
});

export const allowanceOf = (rung: Rung): Allowance => STEPS[rung].allowance;

export function send(state: Sending, sample: Sample): Sending {
  if (sample.at_ms - state.since_ms < SETTLE_MS || sample.path === "") return state;
  const estimate = sample.estimate_kbps ?? Number.POSITIVE_INFINITY;
  // without a picture there is nothing that the estimate could be measured with
  const short = state.rung > 0 && estimate < STEPS[state.rung].least_kbps;
  if (short || sample.loss_out > 0.12) return worse(state, sample.at_ms, estimate);
  if (sample.loss_out > 0.03) return { ...state, bad: 0, goodSince_ms: sample.at_ms };
  return better({ ...state, bad: 0 }, sample.at_ms, estimate);
}

function worse(state: Sending, at_ms: number, estimate: number): Sending {
  const bad = state.bad + 1;
  if (bad < BAD_IN_A_ROW || state.rung === 0) return { ...state, bad, goodSince_ms: at_ms };
  const fits = ([2, 1] as const).find((rung) => rung < state.rung && estimate >= STEPS[rung].least_kbps);
  const failed = state.rose && at_ms - state.since_ms < FAILED_WITHIN_MS;
  return {
    rung: fits ?? 0,
    since_ms: at_ms,
    rose: false,
    bad: 0,
    goodSince_ms: at_ms,
    patience_ms: failed ? Math.min(LONGEST_PATIENCE_MS, state.patience_ms * 2) : state.patience_ms,
  };
}

function better(state: Sending, at_ms: number, estimate: number): Sending {
  if (state.rung === 3 || at_ms - state.goodSince_ms < state.patience_ms) return state;
  const rung = (state.rung + 1) as Rung;
  const enough = state.rung === 0 || estimate >= STEPS[rung].least_kbps * HEADROOM;
  return enough ? { ...state, rung, rose: true, since_ms: at_ms, goodSince_ms: at_ms } : state;
}

// What this page receives

/** 0: no picture. 1 to 3: the sizes that every participant sends. */
export type Layer = 0 | 1 | 2 | 3;

/** What each size costs, sound aside; the senders keep to it. */
export const LAYER_KBPS: Record<Layer, number> = { 0: 0, 1: 90, 2: 250, 3: 900 };
const SOUND_KBPS = 40;

export type Budget = {
  kbps: number;
  /** Looks in a row that were bad. */
  bad: number;
  since_ms: number;
  goodSince_ms: number;
  patience_ms: number;
};

export const budgetFrom = (at_ms: number): Budget => ({
  kbps: 3_000,
  bad: 0,
  since_ms: at_ms,
  goodSince_ms: at_ms,
  patience_ms: FIRST_PATIENCE_MS,
});

const TOO_MUCH_LOSS = 0.05;
const TOO_MUCH_INVENTED = 0.05;
const TOO_LONG_FROZEN_MS = 400;
/** After a drop, what is on its way still arrives late: no second verdict on the same trouble. */
const ECHO_MS = 2_500;
/** Each failure makes the next try upwards rarer by this factor: at most one try in three minutes in the end. */
const RARER = 3;
const RAREST_MS = 180_000;
const LEAST_KBPS = 64;
/** Small steps: a size that was too much is not asked for again at once. */
const RISE = 1.25;

const MUCH_LOSS = 0.15;

/**
 * What the line to us carries: what arrives while it is too much, and a little more after each good while.
 *
 * asked_kbps: what the engine was asked to send. One verdict takes away half of it at most: a second in which hardly
 * anything arrived (a page that is just starting, a processor that was busy) says little about the line.
 */
export function feel(budget: Budget, sample: Sample, asked_kbps: number): Budget {
  if (sample.at_ms - budget.since_ms < ECHO_MS) return budget;
  const bad =
    sample.loss_in > TOO_MUCH_LOSS || sample.concealed > TOO_MUCH_INVENTED || sample.frozen_ms > TOO_LONG_FROZEN_MS;
  if (bad)
    return budget.bad + 1 < BAD_IN_A_ROW && sample.loss_in < MUCH_LOSS
      ? patient(budget, sample)
      : less(budget, sample, asked_kbps);
  if (sample.at_ms - budget.goodSince_ms < budget.patience_ms) return { ...budget, bad: 0 };
  return { ...budget, bad: 0, kbps: Math.min(20_000, budget.kbps * RISE), goodSince_ms: sample.at_ms };
}

const patient = (budget: Budget, sample: Sample): Budget => ({
  ...budget,
  bad: budget.bad + 1,
  goodSince_ms: sample.at_ms,
});

function less(budget: Budget, sample: Sample, asked_kbps: number): Budget {
  const before = Math.min(budget.kbps, asked_kbps);
  return {
    kbps: Math.max(LEAST_KBPS, Math.min(before, Math.max(sample.received_kbps * 0.9, before / 2))),
    bad: 0,
    since_ms: sample.at_ms,
    goodSince_ms: sample.at_ms,
    patience_ms: Math.min(RAREST_MS, budget.patience_ms * RARER),
  };
}

/** What a choice of layers costs, sound included. */
export function costOf(layers: Iterable<Layer>): number {
  return [...layers].reduce((sum: number, layer) => sum + LAYER_KBPS[layer] + SOUND_KBPS, 0);
}

/** One picture that could be received. largest: no layer above it is of use for the tile that shows it. */
export type Wanted = { id: string; speaking: boolean; largest: Layer };

/**
 * The layers that fit. Given in this order: a small picture of who speaks, small pictures of the others, a better one of
 * who speaks, better ones of the others; so that under pressure the others lose sharpness first, then who speaks, then
 * the others' small pictures go, and the picture of who speaks last. Sound is paid for before anything else.
 */
export function share(budget_kbps: number, wanted: readonly Wanted[]): Map<string, Layer> {
  const given = new Map<string, Layer>(wanted.map(({ id }) => [id, 0]));
  let left = budget_kbps - wanted.length * SOUND_KBPS;
  if (budget_kbps < SOUND_ONLY_KBPS) return given;
  const speakers = wanted.filter((one) => one.speaking);
  const others = wanted.filter((one) => !one.speaking);
  const rounds: [readonly Wanted[], Layer][] = [
    [speakers, 1],
    [others, 1],
    [speakers, 2],
    [speakers, 3],
    [others, 2],
    [others, 3],
  ];
  for (const [group, layer] of rounds) {
    for (const { id, largest } of group) {
      const now = given.get(id) ?? 0;
      const more = LAYER_KBPS[layer] - LAYER_KBPS[now];
      if (layer > largest || layer !== now + 1 || more > left) continue;
      given.set(id, layer);
      left -= more;
    }
  }
  return given;
}
