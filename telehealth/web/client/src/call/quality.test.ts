import { describe, expect, it } from "vitest";
import {
  type Budget,
  budgetFrom,
  feel,
  type Layer,
  type Rung,
  type Sending,
  send,
  sendingFrom,
  share,
  type Wanted,
} from "./quality";
import { NARROWED_TO_128 } from "./recorded";
import type { Sample } from "./statistics";

const GOOD: Sample = {
  at_ms: 0,
  path: "direct",
  rtt_ms: 40,
  estimate_kbps: 1500,
  received_kbps: 900,
  sent_kbps: 900,
  loss_in: 0,
  loss_out: 0,
  frozen_ms: 0,
  freezes: 0,
  concealed: 0,
  height_out: 480,
  height_in: 480,
  received_bytes: 0,
  sent_bytes: 0,
};

/** One sample a second from second 1; the rung after each. */
function rungs(state: Sending, samples: Partial<Sample>[]): Rung[] {
  return samples.map((sample, index) => {
    state = send(state, { ...GOOD, ...sample, at_ms: (index + 1) * 1000 });
    return state.rung;
  });
}
const seconds = (count: number, sample: Partial<Sample> = {}): Partial<Sample>[] => Array(count).fill(sample);

describe("what is sent", () => {
  it("stays whole on a good line", () => {
    expect(new Set(rungs(sendingFrom(0), seconds(60)))).toEqual(new Set([3]));
  });

  it("goes to sound alone under 150 kbit/s, within seconds, and does not swing", () => {
    const found = rungs(sendingFrom(0), seconds(20, { estimate_kbps: 110 }));
    expect(found.indexOf(0)).toBeLessThanOrEqual(6);
    expect(found.slice(found.indexOf(0), 12).every((rung) => rung === 0)).toBe(true);
  });

  it("saves the sound of a real line within four seconds of its narrowing", () => {
    let state = sendingFrom(0);
    const found = NARROWED_TO_128.map((sample) => {
      state = send(state, sample);
      return state.rung;
    });
    const narrowed = NARROWED_TO_128.findIndex((sample) => (sample.estimate_kbps ?? 0) < 400);
    expect(found.slice(0, narrowed)).toEqual(Array(narrowed).fill(3));
    expect(found.slice(narrowed + 1, narrowed + 6)).toEqual([0, 0, 0, 0, 0]);
  });

  it("takes the step that fits a middling line", () => {
    expect(rungs(sendingFrom(0), seconds(6, { estimate_kbps: 260 })).at(-1)).toBe(2);
    expect(rungs(sendingFrom(0), seconds(6, { estimate_kbps: 180 })).at(-1)).toBe(1);
  });

  it("is not moved by one bad second", () => {
    const blip = [...seconds(8), { estimate_kbps: 100 }, ...seconds(8)];
    expect(new Set(rungs(sendingFrom(0), blip))).toEqual(new Set([3]));
  });

  it("comes back step by step when the line is good again", () => {
    const found = rungs(sendingFrom(0), [...seconds(8, { estimate_kbps: 100 }), ...seconds(40)]);
    expect(found.filter((rung, index) => rung !== found[index - 1])).toEqual([3, 0, 1, 2, 3]);
  });

  it("tries less and less often while the line stays bad", () => {
    let state = sendingFrom(0);
    const tries: number[] = [];
    for (let second = 1; second <= 300; second += 1) {
      const before = state.rung;
      // with a picture the estimate falls; without one nothing shows how bad the line is
      const estimate_kbps = before > 0 ? 100 : null;
      state = send(state, { ...GOOD, estimate_kbps, at_ms: second * 1000 });
      if (before === 0 && state.rung === 1) tries.push(second);
    }
    const waits = tries.slice(1).map((second, index) => second - (tries[index] ?? 0));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThan(60);
  });
});

describe("what is received", () => {
  const people = (count: number): Wanted[] =>
    Array.from({ length: count }, (_, index) => ({ id: `p${index}`, speaking: index === 0, largest: 3 }));
  const layers = (kbps: number, count = 3): Layer[] => [...share(kbps, people(count)).values()];

  it("gives up sharpness of the others, then of who speaks, then small pictures, and who speaks last", () => {
    expect(layers(5000)).toEqual([3, 3, 3]);
    expect(layers(1600)).toEqual([3, 2, 2]);
    expect(layers(700)).toEqual([2, 1, 1]);
    expect(layers(420)).toEqual([1, 1, 1]);
    expect(layers(320)).toEqual([1, 1, 0]);
    expect(layers(215)).toEqual([1, 0, 0]);
    expect(layers(140)).toEqual([0, 0, 0]);
  });

  it("asks for no more than a tile shows", () => {
    expect([...share(9000, [{ id: "a", speaking: false, largest: 1 }]).values()]).toEqual([1]);
  });

  it("follows a line of 400 kbit/s with at most two changes a minute", () => {
    let budget: Budget = budgetFrom(0);
    const shown: Layer[] = [];
    for (let second = 1; second <= 60; second += 1) {
      const layer = share(budget.kbps, people(1)).get("p0") ?? 0;
      shown.push(layer);
      const overloaded = layer === 3;
      const received_kbps = overloaded ? 390 : 290;
      budget = feel(
        budget,
        { ...GOOD, at_ms: second * 1000, received_kbps, loss_in: overloaded ? 0.3 : 0 },
        overloaded ? 940 : 290,
      );
    }
    const changes = shown.filter((layer, index) => index > 0 && layer !== shown[index - 1]);
    expect(changes).toEqual([2]);
  });

  it("does not give up pictures for one bad second", () => {
    const starting = { ...GOOD, at_ms: 3000, received_kbps: 20, concealed: 0.4 };
    expect(feel(budgetFrom(0), starting, 940).kbps).toBe(3000);
  });

  it("never goes below what the sound needs", () => {
    let budget: Budget = budgetFrom(0);
    for (let second = 1; second < 60; second += 1)
      budget = feel(budget, { ...GOOD, at_ms: second * 1000, received_kbps: 20, loss_in: 0.5 }, 940);
    expect(budget.kbps).toBe(64);
  });
});
