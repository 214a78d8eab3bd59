/** What is to be sent, in which order, and how far each series is. Pure. */
import type { Header } from "./header";

export type State = "reading" | "waiting" | "sending" | "here" | "skipped" | "refused" | "lost";

/** One file of the page. `length`: its bytes on the wire; `sent`: how many of those the server has, or are on the line. */
export type Item = {
  file: File;
  name: string;
  header: Header | null;
  sha256: string;
  length: number;
  state: State;
  url: string;
  sent: number;
  /** Whether it was here before this page sent a byte of it. */
  before: boolean;
  verdict: string;
  text: string;
};

/** Planning and key images first, then single pictures, then series by number; what is not DICOM last. */
export function inOrder(items: readonly Item[]): Item[] {
  const sizes = new Map<string, number>();
  for (const item of items) sizes.set(seriesOf(item), (sizes.get(seriesOf(item)) ?? 0) + 1);
  const rank = (item: Item): number => {
    if (!item.header) return 3;
    if (item.header.first) return 0;
    return sizes.get(seriesOf(item)) === 1 ? 1 : 2;
  };
  return [...items].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      compare(a.header?.seriesNumber, b.header?.seriesNumber) ||
      seriesOf(a).localeCompare(seriesOf(b)) ||
      compare(a.header?.number, b.header?.number) ||
      a.name.localeCompare(b.name),
  );
}

function compare(a: number | null | undefined, b: number | null | undefined): number {
  return (a ?? Number.MAX_SAFE_INTEGER) - (b ?? Number.MAX_SAFE_INTEGER);
}

export function seriesOf(item: Item): string {
  return item.header ? `${item.header.studyUid} ${item.header.seriesUid}` : "";
}

/** One row of the page, from the server's count (`Truth`) or from the items at hand. */
export type Row = {
  key: string;
  number: number | null;
  modality: string;
  description: string;
  announced: number;
  here: number;
  refused: number;
  bytes: number;
  bytesHere: number;
  sending: boolean;
};

export type Truth = {
  study_uid: string;
  series_uid: string;
  modality: string;
  description: string;
  number: number | null;
  announced: number;
  here: number;
  refused: number;
  bytes: number;
  bytes_here: number;
};

export function rowOf(truth: Truth): Row {
  return {
    key: truth.series_uid ? `${truth.study_uid} ${truth.series_uid}` : "",
    number: truth.number,
    modality: truth.modality,
    description: truth.description,
    announced: truth.announced,
    here: truth.here,
    refused: truth.refused,
    bytes: truth.bytes,
    bytesHere: truth.bytes_here,
    sending: false,
  };
}

/** In the order of the series' numbers, what is no series last. The server's rows, with those series that are at hand here counted here: this page knows them to the byte. */
export function rows(truths: readonly Truth[], items: readonly Item[]): Row[] {
  const all = new Map(truths.map((truth) => [rowOf(truth).key, rowOf(truth)]));
  const mine = new Map<string, Item[]>();
  for (const item of items) {
    if (item.state !== "skipped" && item.state !== "reading")
      mine.set(seriesOf(item), [...(mine.get(seriesOf(item)) ?? []), item]);
  }
  for (const [key, members] of mine) all.set(key, merged(all.get(key), counted(key, members)));
  const place = (row: Row): number => (row.key ? (row.number ?? Number.MAX_SAFE_INTEGER - 1) : Number.MAX_SAFE_INTEGER);
  return [...all.values()].sort((a, b) => place(a) - place(b) || a.key.localeCompare(b.key));
}

/** In bytes of the file itself, however it is packed for the wire. */
export function bytesHere(item: Item): number {
  return item.length ? (item.file.size * item.sent) / item.length : 0;
}

function counted(key: string, items: readonly Item[]): Row {
  const header = items[0]?.header;
  const single = [...new Map(items.map((item) => [item.sha256 || item.name, item])).values()];
  return {
    key,
    number: header?.seriesNumber ?? null,
    modality: header?.modality ?? "",
    description: header?.description ?? "",
    announced: single.length,
    here: single.filter((item) => item.state === "here").length,
    refused: single.filter((item) => item.state === "refused" || item.state === "lost").length,
    bytes: single.reduce((sum, item) => sum + item.file.size, 0),
    bytesHere: single.reduce((sum, item) => sum + bytesHere(item), 0),
    sending: single.some((item) => item.state === "sending"),
  };
}

/** Another computer may hold more of a series than lies here: the larger announcement wins. */
function merged(before: Row | undefined, now: Row): Row {
  if (!before || before.announced <= now.announced) return now;
  return { ...before, here: Math.max(before.here, now.here), sending: now.sending };
}
