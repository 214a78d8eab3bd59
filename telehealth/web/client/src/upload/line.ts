/** One file over the line, after tus 1.0: ask where it goes on, send the rest, be told what became of it. */
import { problemOf, Refused, UNREACHABLE } from "../lib/problem";

export type Answer = { verdict: string; text: string };
type Progress = (sent: number) => void;

const TUS = { "Tus-Resumable": "1.0.0" };
const BYTES = "application/offset+octet-stream";
/** A line that takes no byte for so long is dead, even if nobody says so. */
const SILENCE_MS = 30_000;

/** Bytes that the server has for good. */
export async function offsetOf(url: string, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, { method: "HEAD", headers: TUS, credentials: "same-origin", signal }).catch(gone);
  if (!response.ok) throw new Refused(await problemOf(response));
  return Number(response.headers.get("Upload-Offset"));
}

/** Send the file from `offset` on. Resolves once the server has judged the whole. */
export async function send(
  url: string,
  file: Blob,
  offset: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<Answer> {
  const request = await patch(url, offset ? file.slice(offset) : file, offset, progress, signal);
  const verdict = request.getResponseHeader("Upload-Verdict") ?? "";
  if (!verdict) throw new Refused(UNREACHABLE); // cut short on the way: ask where it goes on
  const plain = verdict === "stored" || verdict === "duplicate";
  return { verdict, text: plain ? "" : await words(url, signal) };
}

/** XMLHttpRequest, because fetch does not tell how much has left. */
function patch(
  url: string,
  body: Blob,
  offset: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<XMLHttpRequest> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    let watch = 0;
    const alive = (): void => {
      clearTimeout(watch);
      watch = window.setTimeout(() => request.abort(), SILENCE_MS);
    };
    const stop = (): void => request.abort();
    const end = (result: () => void): void => {
      clearTimeout(watch);
      signal.removeEventListener("abort", stop);
      result();
    };
    request.open("PATCH", url);
    for (const [name, value] of Object.entries({ ...TUS, "Upload-Offset": offset, "Content-Type": BYTES })) {
      request.setRequestHeader(name, String(value));
    }
    request.upload.addEventListener("progress", (event) => {
      alive();
      progress(offset + event.loaded);
    });
    request.addEventListener("load", () =>
      end(() => (request.status < 300 ? done(request) : failed(refusal(request)))),
    );
    for (const way of ["error", "abort", "timeout"]) {
      request.addEventListener(way, () => end(() => failed(new Refused(UNREACHABLE))));
    }
    signal.addEventListener("abort", stop);
    alive();
    request.send(body);
  });
}

function refusal(request: XMLHttpRequest): Refused {
  const plain = { type: "/problems/error", title: request.statusText || "Error", status: request.status };
  try {
    return new Refused({ ...plain, ...JSON.parse(request.responseText) });
  } catch {
    return new Refused(plain);
  }
}

async function words(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { headers: TUS, credentials: "same-origin", signal }).catch(gone);
  return response.ok ? ((await response.json()) as Answer).text : "";
}

function gone(): never {
  throw new Refused(UNREACHABLE);
}
