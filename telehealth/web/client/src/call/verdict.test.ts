import { expect, it } from "vitest";
import { type Found, type Light, lightOf } from "./verdict";

const FINE: Found = { connected: true, rtt_ms: 40, lost: 0, up_kbps: 4000, down_kbps: 4000 };

it.each<[Partial<Found>, Light]>([
  [{}, "good"],
  [{ up_kbps: 500 }, "fair"],
  [{ lost: 0.05 }, "fair"],
  [{ rtt_ms: 600 }, "fair"],
  [{ down_kbps: 120 }, "poor"],
  [{ lost: 0.3 }, "poor"],
  [{ connected: false }, "none"],
])("%o is %s", (found, light) => {
  expect(lightOf({ ...FINE, ...found })).toBe(light);
});
