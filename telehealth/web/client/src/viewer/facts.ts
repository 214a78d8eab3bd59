/** What the page tells the viewer, and what crosses the wire as marks (mirrors imaging/reports/mark_schemas.py). */

export type Point = readonly [column: number, row: number];
export type MarkKind = "length" | "angle" | "rectangle" | "ellipse" | "arrow" | "key_image";

export type Measurements = {
  length_mm?: number;
  length_px?: number;
  angle_deg?: number;
  area_mm2?: number;
  area_px?: number;
  mean?: number;
  std?: number;
  min?: number;
  max?: number;
  unit?: string;
  calibrated?: boolean;
  no_statistics?: string;
};

export type Mark = {
  mark_id: string;
  version: number;
  series_uid: string;
  sop_uid: string;
  frame: number;
  kind: MarkKind;
  points: Point[];
  label: string;
  measurements: Measurements;
  author_name: string;
  mine: boolean;
  at: string;
};

export type ViewerFacts = {
  studies: { uid: string; title: string }[];
  may_annotate: boolean;
  language: string;
};
