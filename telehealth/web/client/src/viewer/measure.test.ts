import { beforeEach, expect, test } from "vitest";
import { setTexts } from "../lib/i18n";
import { inReadingOrder, sideOf } from "./dicomweb";
import { angleOf, lengthOf, lines, preview } from "./measure";
import { CT_PRESETS, rangeOf, windowOf } from "./presets";

beforeEach(() => setTexts({}));

test("a length follows the spacing of rows and columns", () => {
  const ends = [
    [0, 0],
    [30, 40],
  ] as const;
  expect(lengthOf(ends, { rows: 0.8, columns: 0.5 })).toBeCloseTo(Math.hypot(15, 32));
  expect(lengthOf(ends, null)).toBe(50);
});

test("an angle is the patient's, not the pixels'", () => {
  const arms = [
    [10, 0],
    [0, 0],
    [10, 10],
  ] as const;
  expect(angleOf(arms, { rows: 2, columns: 1 })).toBeCloseTo(63.4349, 3);
});

test("without calibration the words say so", () => {
  const points = [
    [0, 0],
    [3, 4],
  ] as const;
  expect(lines({ kind: "length", label: "", measurements: preview("length", points, null) })[0]).toContain(
    "not calibrated",
  );
});

test("images follow their numbers, and their place where numbers repeat", () => {
  const image = (number: number, z: number) => ({
    "00200013": { vr: "IS", Value: [number] },
    "00200032": { vr: "DS", Value: [0, 0, z] },
    "00200037": { vr: "DS", Value: [1, 0, 0, 0, 1, 0] },
  });
  const places = (all: ReturnType<typeof image>[]) => inReadingOrder(all).map((one) => one["00200032"]?.Value?.[2]);
  expect(places([image(2, 0), image(1, 9)])).toEqual([9, 0]);
  expect(places([image(1, 9), image(1, 0)])).toEqual([0, 9]);
});

test("sides of the patient are named by the standard", () => {
  expect(sideOf([1, 0, 0])).toBe("L");
  expect(sideOf([0, -1, 0])).toBe("A");
  expect(sideOf([0, 0.7, -0.7])).toBe("PF");
});

test("a preset's range gives the preset back", () => {
  for (const preset of CT_PRESETS)
    expect(windowOf(rangeOf(preset))).toEqual({ centre: preset.centre, width: preset.width });
});
