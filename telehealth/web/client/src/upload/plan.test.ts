import { expect, test } from "vitest";
import type { Header } from "./header";
import { type Item, inOrder, rows, type State, type Truth } from "./plan";

function item(name: string, header: Partial<Header> | null, over: Partial<Item> = {}): Item {
  const plain = {
    studyUid: "1",
    seriesUid: "1.1",
    sopUid: "",
    modality: "CT",
    description: "",
    first: false,
    plain: true,
  };
  return {
    file: new File([new Uint8Array(10)], name),
    name,
    header: header && { seriesNumber: 1, number: 1, ...plain, ...header },
    sha256: name,
    length: 10,
    state: "waiting" satisfies State,
    url: "",
    sent: 0,
    before: false,
    verdict: "",
    text: "",
    ...over,
  };
}

test("planning and key images first, then single pictures, then series by number, then what is not DICOM", () => {
  const mixed = [
    item("letter.pdf", null),
    item("b2", { seriesUid: "1.3", seriesNumber: 3, number: 2 }),
    item("b1", { seriesUid: "1.3", seriesNumber: 3, number: 1 }),
    item("a10", { seriesUid: "1.2", seriesNumber: 2, number: 10 }),
    item("a9", { seriesUid: "1.2", seriesNumber: 2, number: 9 }),
    item("x-ray", { seriesUid: "1.4", seriesNumber: 4, modality: "DX" }),
    item("scout", { seriesUid: "1.5", seriesNumber: 9, first: true }),
  ];
  expect(inOrder(mixed).map((one) => one.name)).toEqual(["scout", "x-ray", "a9", "a10", "b1", "b2", "letter.pdf"]);
});

const truth: Truth = {
  study_uid: "1",
  series_uid: "1.1",
  modality: "CT",
  description: "",
  number: 1,
  announced: 3,
  here: 2,
  refused: 0,
  bytes: 30,
  bytes_here: 20,
};

test("a series at hand is counted here, one from elsewhere as the server says", () => {
  const mine = [
    item("1", {}, { state: "here", sent: 10 }),
    item("2", {}, { state: "sending", sent: 4 }),
    item("3", {}),
  ];
  const [own, other] = rows([truth, { ...truth, series_uid: "1.9" }], mine);
  expect(own).toMatchObject({ announced: 3, here: 1, bytesHere: 14, sending: true });
  expect(other).toMatchObject({ key: "1 1.9", announced: 3, here: 2, sending: false });
});

test("where another computer announced more, its number stands", () => {
  const [row] = rows([{ ...truth, announced: 200, here: 142 }], [item("1", {}, { state: "here" })]);
  expect(row).toMatchObject({ announced: 200, here: 142 });
});
