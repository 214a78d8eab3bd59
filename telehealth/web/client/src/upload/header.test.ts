import { expect, test } from "vitest";
import { readHeader } from "./header";
import { Sha256 } from "./sha256";

const bytes = (text: string): number[] => Array.from(new TextEncoder().encode(text));
const u16 = (value: number): number[] => [value & 255, value >> 8];
const u32 = (value: number): number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];

function explicit(group: number, element: number, vr: string, value: number[]): number[] {
  const even = value.length % 2 ? [...value, vr === "UI" ? 0 : 32] : value;
  return [...u16(group), ...u16(element), ...bytes(vr), ...u16(even.length), ...even];
}

function implicit(group: number, element: number, value: number[]): number[] {
  const even = value.length % 2 ? [...value, 0] : value;
  return [...u16(group), ...u16(element), ...u32(even.length), ...even];
}

function file(syntax: string, data: number[]): Uint8Array {
  return Uint8Array.from([
    ...new Array(128).fill(0),
    ...bytes("DICM"),
    ...explicit(2, 16, "UI", bytes(syntax)),
    ...data,
  ]);
}

const endless = [...u16(0xfffe), ...u16(0xe000), ...u32(0xffffffff), ...explicit(8, 0x100, "SH", bytes("x"))];
const data = [
  ...explicit(8, 5, "CS", bytes("ISO_IR 192")),
  ...explicit(8, 8, "CS", bytes("ORIGINAL\\PRIMARY\\LOCALIZER")),
  ...explicit(8, 0x18, "UI", bytes("1.2.3")),
  ...explicit(8, 0x60, "CS", bytes("CT")),
  ...explicit(8, 0x103e, "LO", bytes("Ngực")),
  ...[...u16(8), ...u16(0x1140), ...bytes("SQ"), 0, 0, ...u32(0xffffffff)],
  ...[...endless, ...u16(0xfffe), ...u16(0xe00d), ...u32(0), ...u16(0xfffe), ...u16(0xe0dd), ...u32(0)],
  ...explicit(0x20, 0xd, "UI", bytes("1.2")),
  ...explicit(0x20, 0xe, "UI", bytes("1.2.9")),
  ...explicit(0x20, 0x11, "IS", bytes("4")),
  ...explicit(0x20, 0x13, "IS", bytes("17")),
];
const whole = file("1.2.840.10008.1.2.1", data);

test("series and order are read over sequences without a length", () => {
  expect(readHeader(whole)).toEqual({
    studyUid: "1.2",
    seriesUid: "1.2.9",
    sopUid: "1.2.3",
    modality: "CT",
    description: "Ngực",
    seriesNumber: 4,
    number: 17,
    first: true,
    plain: true,
  });
});

test("implicit little endian is read as well", () => {
  const uids = [
    ...implicit(8, 0x18, bytes("1.2.3")),
    ...implicit(0x20, 0xd, bytes("1.2")),
    ...implicit(0x20, 0xe, bytes("1.2.9")),
  ];
  expect(readHeader(file("1.2.840.10008.1.2", uids))).toMatchObject({
    studyUid: "1.2",
    seriesUid: "1.2.9",
    first: false,
  });
});

test("a file cut anywhere, or no DICOM at all, gives no header and no error", () => {
  for (let end = 0; end < whole.length - 14; end += 1)
    expect(readHeader(whole.slice(0, end))?.number ?? null).toBeNull();
  expect(readHeader(Uint8Array.from(bytes("%PDF-1.7")))).toBeNull();
});

test("the digest is SHA-256 however the bytes are cut", async () => {
  for (const size of [0, 1, 55, 56, 63, 64, 65, 119, 1000, 100_003]) {
    const content = Uint8Array.from({ length: size }, (_, i) => (i * 31) & 255);
    const hash = new Sha256();
    for (let at = 0; at < size; at += 777) hash.update(content.subarray(at, at + 777));
    const oracle = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    expect(hash.hex()).toBe(Array.from(oracle, (byte) => byte.toString(16).padStart(2, "0")).join(""));
  }
});
