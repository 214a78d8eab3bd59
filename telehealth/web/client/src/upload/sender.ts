/** Sends many files, a few at a time, in their order. What fails in passing is tried again for as long as the page is open. */
import { Refused } from "../lib/problem";

export type Sending<T, A> = {
  /** Send one from where it stands; called again after passing trouble. */
  send: (item: T, signal: AbortSignal) => Promise<A>;
  done: (item: T, answer: A) => void;
  failed: (item: T, error: unknown) => void;
  /** The line is gone (or back): said once each way. */
  offline: (is: boolean) => void;
  atOnce: number;
  sleep: (ms: number) => Promise<void>;
};

const LONGEST_WAIT_MS = 15_000;

export function waitAfter(tries: number): number {
  return Math.min(500 * 2 ** tries, LONGEST_WAIT_MS);
}

/** Whether the same again may help: a lost line, a busy server, an offset that moved, a file damaged on its way. */
export function passing(error: unknown): boolean {
  return (
    error instanceof Refused &&
    (error.passing || ["other-offset", "superseded", "damaged-on-the-way"].includes(error.code))
  );
}

export class Sender<T, A> {
  private readonly left: T[] = [];
  private readonly awake = new Set<() => void>();
  private stop = new AbortController();
  private lanes = 0;
  private isOffline = false;
  paused = false;

  constructor(private readonly how: Sending<T, A>) {}

  get busy(): boolean {
    return this.lanes > 0;
  }

  add(items: readonly T[]): void {
    this.left.push(...items);
    while (!this.paused && this.lanes < Math.min(this.how.atOnce, this.lanes + this.left.length)) void this.lane();
  }

  /** Nothing more leaves; what the server has stays there. */
  pause(): void {
    this.paused = true;
    this.stop.abort();
    this.wake();
  }

  resume(): void {
    this.paused = false;
    this.stop = new AbortController();
    this.add([]);
  }

  /** Do not wait any longer: the line may be back. */
  wake(): void {
    for (const stir of this.awake) stir();
    this.awake.clear();
  }

  private async lane(): Promise<void> {
    this.lanes += 1;
    try {
      while (!this.paused) {
        const item = this.left.shift();
        if (item === undefined) return;
        if (!(await this.one(item))) this.left.unshift(item);
      }
    } finally {
      this.lanes -= 1;
    }
  }

  /** false where it was paused in between. */
  private async one(item: T): Promise<boolean> {
    for (let tries = 0; ; tries += 1) {
      try {
        const answer = await this.how.send(item, this.stop.signal);
        this.say(false);
        this.how.done(item, answer);
        return true;
      } catch (error) {
        if (this.paused) return false;
        if (!passing(error)) {
          this.how.failed(item, error);
          return true;
        }
        this.say(true);
        await Promise.race([this.how.sleep(waitAfter(tries)), new Promise<void>((stir) => this.awake.add(stir))]);
        if (this.paused) return false;
      }
    }
  }

  private say(offline: boolean): void {
    if (offline !== this.isOffline) this.how.offline(offline);
    this.isOffline = offline;
  }
}
