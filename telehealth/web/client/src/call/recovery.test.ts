import { describe, expect, it } from "vitest";
import { rescuesDue } from "./recovery";

const trouble = (lasted_ms: number, reachable_ms = lasted_ms) => ({ lasted_ms, reachable_ms });

describe("rescues", () => {
  it("leave a short blip alone", () => {
    expect(rescuesDue(trouble(400), false, 0)).toEqual([]);
  });

  it("climb one after the other: path, connection, sound, telephone", () => {
    expect(rescuesDue(trouble(600), false, 0)).toEqual(["restart"]);
    expect(rescuesDue(trouble(9_000), false, 1)).toEqual(["renew"]);
    expect(rescuesDue(trouble(21_000), false, 2)).toEqual(["sound"]);
    expect(rescuesDue(trouble(41_000), false, 3)).toEqual(["phone"]);
    expect(rescuesDue(trouble(300_000), false, 4)).toEqual([]);
  });

  it("wait for a line to the room before a new connection, but never with the telephone", () => {
    expect(rescuesDue(trouble(30_000, 1_000), false, 1)).toEqual([]);
    expect(rescuesDue(trouble(41_000, 20_000), false, 1)).toEqual(["renew", "sound", "phone"]);
  });

  it("come later on the polite side", () => {
    expect(rescuesDue(trouble(1_000), true, 0)).toEqual([]);
    expect(rescuesDue(trouble(3_000), true, 0)).toEqual(["restart"]);
  });
});
