import { describe, expect, it } from "vitest";
import { listen, NOBODY, type Speaker } from "./speaker";

function spoken(speaker: Speaker, from_ms: number, times: number, levels: Record<string, number>): Speaker {
  for (let index = 0; index < times; index += 1)
    speaker = listen(speaker, new Map(Object.entries(levels)), from_ms + index * 300);
  return speaker;
}

describe("who speaks", () => {
  it("is nobody in silence", () => {
    expect(spoken(NOBODY, 0, 10, { an: 0.005, binh: 0 }).who).toBe("");
  });

  it("changes to who speaks on, and not for one cough", () => {
    const an = spoken(NOBODY, 0, 4, { an: 0.2, binh: 0 });
    const cough = spoken(an, 1200, 1, { an: 0.2, binh: 0.3 });
    expect(cough.who).toBe("an");
    expect(spoken(cough, 3000, 5, { an: 0, binh: 0.3 }).who).toBe("binh");
  });

  it("keeps the last one in a pause", () => {
    const an = spoken(NOBODY, 0, 4, { an: 0.2, binh: 0 });
    expect(spoken(an, 1200, 40, { an: 0, binh: 0 }).who).toBe("an");
  });

  it("forgets who has left", () => {
    const an = spoken(NOBODY, 0, 4, { an: 0.2, binh: 0 });
    expect(spoken(an, 1200, 1, { binh: 0 }).who).toBe("");
  });
});
