/** Lengths and angles while a mark is drawn, and its words. What is kept is computed by the server from the same points. */

import { number, t } from "../lib/i18n";
import type { Mark, MarkKind, Measurements, Point } from "./facts";

export type Spacing = { rows: number; columns: number };

/** How many points a mark of this kind has. A rectangle and an ellipse are two opposite corners of their box. */
export const POINTS: Record<MarkKind, number> = {
  length: 2,
  angle: 3,
  rectangle: 2,
  ellipse: 2,
  arrow: 2,
  key_image: 0,
};

/** Millimetres where the image is calibrated, else pixels. */
export function lengthOf([from, to]: readonly [Point, Point], spacing: Spacing | null): number {
  const { rows, columns } = spacing ?? { rows: 1, columns: 1 };
  return Math.hypot((to[0] - from[0]) * columns, (to[1] - from[1]) * rows);
}

/** The angle at the second point, 0 to 180 degrees, as it is in the patient (pixels need not be square). */
export function angleOf([from, vertex, to]: readonly [Point, Point, Point], spacing: Spacing | null): number {
  const { rows, columns } = spacing ?? { rows: 1, columns: 1 };
  const arm = (p: Point) => [(p[0] - vertex[0]) * columns, (p[1] - vertex[1]) * rows] as const;
  const [a, b] = [arm(from), arm(to)];
  const size = Math.hypot(...a) * Math.hypot(...b);
  if (size === 0) return 0;
  return (Math.acos(Math.min(1, Math.max(-1, (a[0] * b[0] + a[1] * b[1]) / size))) * 180) / Math.PI;
}

/** What can be said of a mark before the server answered. */
export function preview(kind: MarkKind, points: readonly Point[], spacing: Spacing | null): Measurements {
  const [a, b, c] = points;
  if (kind === "length" && a && b) {
    const length = lengthOf([a, b], spacing);
    return spacing ? { length_mm: length, calibrated: true } : { length_px: length, calibrated: false };
  }
  if (kind === "angle" && a && b && c) return { angle_deg: angleOf([a, b, c], spacing) };
  return {};
}

/** The lines beside a mark: "34,2 mm"; "TB 41 HU, ĐLC 9". */
export function lines(mark: Pick<Mark, "kind" | "measurements" | "label">): string[] {
  const m = mark.measurements;
  const found: string[] = [];
  if (mark.label) found.push(mark.label);
  if (m.length_mm !== undefined) found.push(`${number(m.length_mm)} mm`);
  if (m.length_px !== undefined) found.push(`${number(m.length_px)} px · ${t("not calibrated")}`);
  if (m.angle_deg !== undefined) found.push(`${number(m.angle_deg)}°`);
  if (m.area_mm2 !== undefined) found.push(`${t("Area")} ${number(m.area_mm2, m.area_mm2 < 100 ? 1 : 0)} mm²`);
  if (m.area_px !== undefined) found.push(`${t("Area")} ${number(m.area_px, 0)} px · ${t("not calibrated")}`);
  if (m.mean !== undefined && m.std !== undefined) {
    const unit = m.unit ? ` ${m.unit}` : "";
    found.push(t("Mean {mean}, SD {sd}", { mean: number(m.mean) + unit, sd: number(m.std) }));
    if (m.min !== undefined && m.max !== undefined) {
      found.push(t("Min {min}, max {max}", { min: number(m.min, 0), max: number(m.max, 0) }));
    }
  }
  if (m.no_statistics) found.push(t("No pixel values for this image"));
  return found;
}

/** Distance from a point to the drawn outline of a mark, in the same units as the points. */
export function distanceTo(kind: MarkKind, points: readonly Point[], at: Point): number {
  return Math.min(...segments(kind, points).map(([a, b]) => toSegment(at, a, b)));
}

/** The outline as straight pieces; an ellipse as thirty-two. */
export function segments(kind: MarkKind, points: readonly Point[]): [Point, Point][] {
  const outline = kind === "rectangle" || kind === "ellipse" ? closed(kind, points) : points;
  return outline.slice(1).map((to, index) => [outline[index] as Point, to]);
}

function closed(kind: MarkKind, [a, b]: readonly Point[]): Point[] {
  if (!a || !b) return [];
  if (kind === "rectangle") return [a, [b[0], a[1]], b, [a[0], b[1]], a];
  const [cx, cy, rx, ry] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, Math.abs(b[0] - a[0]) / 2, Math.abs(b[1] - a[1]) / 2];
  return Array.from({ length: 33 }, (_, i) => {
    const turn = (i * Math.PI) / 16;
    return [cx + rx * Math.cos(turn), cy + ry * Math.sin(turn)] as Point;
  });
}

function toSegment(p: Point, a: Point, b: Point): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const size = dx * dx + dy * dy;
  const along = size === 0 ? 0 : Math.min(1, Math.max(0, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / size));
  return Math.hypot(p[0] - a[0] - along * dx, p[1] - a[1] - along * dy);
}
