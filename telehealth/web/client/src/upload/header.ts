/** The few header fields by which files are grouped and ordered, read from a file's first bytes. Never trusted by anybody. */

export type Header = {
  studyUid: string;
  seriesUid: string;
  sopUid: string;
  modality: string;
  description: string;
  seriesNumber: number | null;
  number: number | null;
  /** A planning image or a key selection: worth sending first. */
  first: boolean;
  /** Pixels lie there as they are: packing halves them for the line. */
  plain: boolean;
};

/** So much of a file is enough for nearly all scanners. */
export const HEAD_BYTES = 64 * 1024;

const WANTED: Record<number, string> = {
  524293: "charset", // (0008,0005)
  524296: "kind", // (0008,0008)
  524312: "sop", // (0008,0018)
  524384: "modality", // (0008,0060)
  528446: "description", // (0008,103E)
  2097165: "study", // (0020,000D)
  2097166: "series", // (0020,000E)
  2097169: "seriesNumber", // (0020,0011)
  2097171: "number", // (0020,0013)
};
const LAST = 0x00200013;
const LONG = new Set(["OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UC", "UR", "UT", "UN", "SV", "UV"]);
const UNDEFINED = 0xffffffff;
const IMPLICIT = "1.2.840.10008.1.2";
const PLAIN = new Set([IMPLICIT, "1.2.840.10008.1.2.1"]);
const OTHERWISE = new Set(["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]); // big endian, deflated
const KEY_MODALITIES = new Set(["KO", "SR", "PR"]);
const MOST_DEPTH = 16;

/** null where it is not DICOM or is written in a way that is not read here: such a file is sent all the same. */
export function readHeader(bytes: Uint8Array): Header | null {
  if (text(bytes.subarray(128, 132)) !== "DICM") return null;
  try {
    return new Walk(bytes).header();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

class Walk {
  private readonly view: DataView;
  private at = 132;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  header(): Header | null {
    let syntax = "";
    while (this.view.getUint16(this.at, true) === 2) {
      const { tag, length } = this.element(true);
      if (tag === 0x00020010) syntax = text(this.value(length));
      this.at += length;
    }
    if (OTHERWISE.has(syntax)) return null;
    const found: Record<string, Uint8Array> = {};
    while (this.at + 8 <= this.bytes.length) {
      const { tag, length } = this.element(syntax !== IMPLICIT);
      if (tag > LAST) break;
      if (length === UNDEFINED) {
        this.skipItems(syntax !== IMPLICIT, 0);
        continue;
      }
      const name = WANTED[tag];
      if (name) found[name] = this.value(length);
      this.at += length;
    }
    return headerOf(found, PLAIN.has(syntax));
  }

  /** Tag and length; afterwards `at` stands before the value. */
  private element(explicit: boolean): { tag: number; length: number } {
    const tag = this.view.getUint16(this.at, true) * 65536 + this.view.getUint16(this.at + 2, true);
    const marks = tag >= 0xfffee000;
    const vr = explicit && !marks ? text(this.bytes.subarray(this.at + 4, this.at + 6)) : "";
    if (!vr) {
      const length = this.view.getUint32(this.at + 4, true);
      this.at += 8;
      return { tag, length };
    }
    const long = LONG.has(vr);
    const length = long ? this.view.getUint32(this.at + 8, true) : this.view.getUint16(this.at + 6, true);
    this.at += long ? 12 : 8;
    return { tag, length };
  }

  private value(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new RangeError("cut");
    return this.bytes.subarray(this.at, this.at + length);
  }

  /** Over a sequence of undefined length, to behind its delimiter. */
  private skipItems(explicit: boolean, depth: number): void {
    if (depth > MOST_DEPTH) throw new RangeError("too deep");
    for (;;) {
      const { tag, length } = this.element(explicit);
      if (tag === 0xfffee0dd) return;
      if (tag !== 0xfffee000) throw new RangeError("no item");
      if (length === UNDEFINED) this.skipElements(explicit, depth);
      else this.at += length;
    }
  }

  private skipElements(explicit: boolean, depth: number): void {
    for (;;) {
      const { tag, length } = this.element(explicit);
      if (tag === 0xfffee00d) return;
      if (length === UNDEFINED) this.skipItems(explicit, depth + 1);
      else this.at += length;
    }
  }
}

function headerOf(found: Record<string, Uint8Array>, isPlain: boolean): Header | null {
  const plain = (name: string): string => text(found[name] ?? new Uint8Array());
  if (!plain("study") || !plain("series") || !plain("sop")) return null;
  const unicode = plain("charset").includes("192");
  const modality = plain("modality");
  return {
    studyUid: plain("study"),
    seriesUid: plain("series"),
    sopUid: plain("sop"),
    modality,
    description: decoded(found.description ?? new Uint8Array(), unicode),
    seriesNumber: whole(plain("seriesNumber")),
    number: whole(plain("number")),
    first: plain("kind").includes("LOCALIZER") || KEY_MODALITIES.has(modality),
    plain: isPlain,
  };
}

function whole(value: string): number | null {
  const number = Number.parseInt(value, 10);
  return Number.isSafeInteger(number) ? number : null;
}

function decoded(bytes: Uint8Array, unicode: boolean): string {
  return new TextDecoder(unicode ? "utf-8" : "latin1")
    .decode(bytes)
    .replace(/[\0 ]+$/g, "")
    .slice(0, 200);
}

function text(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 256)).replace(/[\0 ]+$/g, "");
}
