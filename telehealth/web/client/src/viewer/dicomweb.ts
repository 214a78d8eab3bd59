/** Our QIDO-RS and WADO-RS as the viewer needs them: series of a study, images of a series, addresses. */

import { api } from "../lib/http";

type Element = { vr: string; Value?: unknown[] };
export type Instance = Record<string, Element>;

export type Series = {
  studyUid: string;
  uid: string;
  modality: string;
  number: number | null;
  description: string;
  count: number;
};

/** One picture to show: an instance, or one frame of it. */
export type Picture = {
  imageId: string;
  sopUid: string;
  frame: number;
  number: number;
  rows: number;
  columns: number;
  spacing: { rows: number; columns: number } | null;
  orientation: number[] | null;
  metadata: Instance;
};

const ROOT = "/dicomweb";
const seriesPath = (studyUid: string, seriesUid: string) => `${ROOT}/studies/${studyUid}/series/${seriesUid}`;

export const thumbnailOf = (series: Series) => `${seriesPath(series.studyUid, series.uid)}/thumbnail`;

export async function seriesOf(studyUid: string): Promise<Series[]> {
  const found = (await api<Instance[] | undefined>("GET", `${ROOT}/studies/${studyUid}/series`)) ?? [];
  return found
    .map((one) => ({
      studyUid,
      uid: text(one, "0020000E"),
      modality: text(one, "00080060"),
      number: numeric(one, "00200011"),
      description: text(one, "0008103E"),
      count: numeric(one, "00201209") ?? 0,
    }))
    .sort((a, b) => (a.number ?? 1e9) - (b.number ?? 1e9));
}

/** The pictures of a series in reading order. Instances without pixels are left out. */
export async function picturesOf(series: Series): Promise<Picture[]> {
  const path = seriesPath(series.studyUid, series.uid);
  const instances = await api<Instance[]>("GET", `${path}/metadata`);
  return inReadingOrder(instances.filter(hasPixels)).flatMap((instance) => frames(instance, location.origin + path));
}

export function hasPixels(instance: Instance): boolean {
  return numeric(instance, "00280010") !== null && numeric(instance, "00280011") !== null;
}

/** By instance number; by place in the patient where numbers repeat or are missing. */
export function inReadingOrder(instances: Instance[]): Instance[] {
  const numbers = instances.map((one) => numeric(one, "00200013"));
  const usable = numbers.every((n) => n !== null) && new Set(numbers).size === numbers.length;
  const key = usable ? (one: Instance) => numeric(one, "00200013") ?? 0 : placeAlongNormal;
  return [...instances].sort((a, b) => key(a) - key(b));
}

function placeAlongNormal(instance: Instance): number {
  const position = list(instance, "00200032");
  const axes = list(instance, "00200037");
  if (position.length !== 3 || axes.length !== 6) return numeric(instance, "00200013") ?? 0;
  const [rx = 0, ry = 0, rz = 0, cx = 0, cy = 0, cz = 0] = axes;
  const [x = 0, y = 0, z = 0] = position;
  return (ry * cz - rz * cy) * x + (rz * cx - rx * cz) * y + (rx * cy - ry * cx) * z;
}

function frames(instance: Instance, base: string): Picture[] {
  const sopUid = text(instance, "00080018");
  const count = Math.max(1, numeric(instance, "00280008") ?? 1);
  const orientation = list(instance, "00200037");
  return Array.from({ length: count }, (_, index) => ({
    imageId: `wadors:${base}/instances/${sopUid}/frames/${index + 1}`,
    sopUid,
    frame: index + 1,
    number: numeric(instance, "00200013") ?? index + 1,
    rows: numeric(instance, "00280010") ?? 0,
    columns: numeric(instance, "00280011") ?? 0,
    spacing: spacingOf(instance),
    orientation: orientation.length === 6 ? orientation : null,
    metadata: { ...instance },
  }));
}

/** Millimetres between pixels, for the line while it is drawn; the server decides what is kept. */
function spacingOf(instance: Instance): Picture["spacing"] {
  const [rows = 0, columns = 0] = list(instance, "00280030");
  if (rows > 0 && columns > 0) return { rows, columns };
  return null;
}

/** Frames a second of a multi-frame picture, from Frame Time or Recommended Display Frame Rate. */
export function framesPerSecond(instance: Instance): number {
  const time = numeric(instance, "00181063");
  const rate = numeric(instance, "00082144") ?? numeric(instance, "00180040") ?? (time ? 1000 / time : 15);
  return Math.min(60, Math.max(1, rate));
}

export function text(instance: Instance, tag: string): string {
  const value = instance[tag]?.Value?.[0];
  if (value && typeof value === "object") return String((value as { Alphabetic?: string }).Alphabetic ?? "");
  return value === undefined || value === null ? "" : String(value);
}

export function numeric(instance: Instance, tag: string): number | null {
  const value = Number(instance[tag]?.Value?.[0] ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
}

function list(instance: Instance, tag: string): number[] {
  return (instance[tag]?.Value ?? []).map(Number).filter(Number.isFinite);
}

const LETTERS = [
  ["R", "L"],
  ["A", "P"],
  ["F", "H"],
] as const;

/** Which side of the patient a direction points to: "L", or "LA" when oblique. Source: PS3.3 C.7.6.1.1.1. */
export function sideOf(direction: readonly number[]): string {
  return direction
    .map((part, axis) => ({ size: Math.abs(part), letter: LETTERS[axis]?.[part > 0 ? 1 : 0] ?? "" }))
    .filter(({ size }) => size > 0.3)
    .sort((a, b) => b.size - a.size)
    .slice(0, 2)
    .map(({ letter }) => letter)
    .join("");
}
