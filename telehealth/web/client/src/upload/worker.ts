/** Reads files off the page's own thread: first a look at the header, later the digest of the whole. */
import { HEAD_BYTES, readHeader } from "./header";
import { Sha256 } from "./sha256";

export type Ask = { id: number; file: Blob; what: "header" | "digest" | "packed" | "upright" };
/** header: of a DICOM file, else null. lost: the file can no longer be read (the disc is out), or not that way. */
export type Told = {
  id: number;
  header?: ReturnType<typeof readHeader>;
  sha256?: string;
  packed?: Blob;
  upright?: Blob;
  lost?: boolean;
};

const LONGEST_SIDE = 4096;
const AT_ONCE = 32 * 1024 * 1024;
const PIECE = 4 * 1024 * 1024;

self.addEventListener("message", (event: MessageEvent<Ask>) => {
  void answer(event.data).then((told) => self.postMessage(told));
});

async function answer({ id, file, what }: Ask): Promise<Told> {
  try {
    if (what === "digest") return { id, sha256: await digest(file) };
    if (what === "packed") return { id, packed: await packed(file) };
    if (what === "upright") return { id, upright: await upright(file) };
    return { id, header: readHeader(new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer())) };
  } catch {
    return { id, lost: true };
  }
}

/** A photograph as it was held, as a plain JPEG: what every viewer shows, whatever the phone's own kind is. */
async function upright(photo: Blob): Promise<Blob> {
  const picture = await createImageBitmap(photo, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = new OffscreenCanvas(Math.round(picture.width * scale), Math.round(picture.height * scale));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}

async function digest(file: Blob): Promise<string> {
  if (file.size <= AT_ONCE && self.crypto.subtle) {
    const bytes = await self.crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const hash = new Sha256();
  for (let at = 0; at < file.size; at += PIECE) {
    hash.update(new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer()));
  }
  return hash.hex();
}

/** gzip: the server stores the file as it lies here. */
function packed(file: Blob): Promise<Blob> {
  return new Response(file.stream().pipeThrough(new CompressionStream("gzip"))).blob();
}
