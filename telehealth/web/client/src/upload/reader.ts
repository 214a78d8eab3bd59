/** The page's side of the worker: ask, and wait for the answer to one's own question. */
import type { Header } from "./header";
import type { Ask, Told } from "./worker";

export class Lost extends Error {}

export class Reader {
  private readonly worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, (told: Told) => void>();
  private asked = 0;

  constructor() {
    this.worker.addEventListener("message", (event: MessageEvent<Told>) => {
      this.waiting.get(event.data.id)?.(event.data);
      this.waiting.delete(event.data.id);
    });
  }

  async header(file: Blob): Promise<Header | null> {
    return (await this.ask(file, "header")).header ?? null;
  }

  /** Raises Lost where the file can no longer be read. */
  async digest(file: Blob): Promise<string> {
    const told = await this.ask(file, "digest");
    if (told.lost || !told.sha256) throw new Lost();
    return told.sha256;
  }

  /** Packed for the line, the same bytes each time. Raises Lost. */
  async packed(file: Blob): Promise<Blob> {
    const told = await this.ask(file, "packed");
    if (told.lost || !told.packed) throw new Lost();
    return told.packed;
  }

  /** A photograph as a plain JPEG; null where the browser cannot read it: then it is sent as it is. */
  async upright(file: Blob): Promise<Blob | null> {
    return (await this.ask(file, "upright")).upright ?? null;
  }

  private ask(file: Blob, what: Ask["what"]): Promise<Told> {
    const id = ++this.asked;
    return new Promise((done) => {
      this.waiting.set(id, done);
      this.worker.postMessage({ id, file, what } satisfies Ask);
    });
  }
}
