/** What the line check found, as a traffic light in words. Pure. */

export type Found = {
  connected: boolean;
  rtt_ms: number;
  /** Share of small messages that did not come back: 0..1. */
  lost: number;
  up_kbps: number;
  down_kbps: number;
};

export type Light = "good" | "fair" | "poor" | "none";

/** 1:1 in full size wants about 1 Mbit/s; under 150 kbit/s only sound goes through (see quality.ts). */
const PICTURE_KBPS = 800;
const SOUND_KBPS = 200;
const SLOW_MS = 400;
const VERY_SLOW_MS = 1000;

export function lightOf({ connected, rtt_ms, lost, up_kbps, down_kbps }: Found): Light {
  if (!connected) return "none";
  const rate = Math.min(up_kbps, down_kbps);
  if (rate < SOUND_KBPS || lost > 0.15 || rtt_ms > VERY_SLOW_MS) return "poor";
  if (rate < PICTURE_KBPS || lost > 0.03 || rtt_ms > SLOW_MS) return "fair";
  return "good";
}

/** Keys of the page's texts. */
export const WORDS: Record<Light, string> = {
  good: "The line is good: sound and picture will come through.",
  fair: "The line will do: the picture may be small at times, the sound comes first.",
  poor: "The line is weak: expect sound only. Move nearer to the Wi-Fi, or try mobile data.",
  none: "No connection for sound and picture. Try another network, or go in all the same: the clinic can call you.",
};
