/** What was measured goes to the service: a sample every two seconds, sent in bunches, and the rest when the page goes. */

import type { Sampled } from "./group";

type Kept = Omit<Sampled["sample"], "at_ms"> & { rung: number };

const EVERY_MS = 2000;
const SEND_MS = 10_000;

export class Recorder {
  private legs = new Map<string, Kept[]>();
  private takenAt = new Map<string, number>();
  private enteredAt: number | null = null;
  private join_ms: number | null = null;
  private readonly timer = setInterval(() => this.flush(), SEND_MS);

  constructor(
    private readonly address: string,
    private readonly line: () => string,
  ) {
    // iOS and Android give a page that goes no other word
    addEventListener("pagehide", this.flush);
  }

  /** Somebody else is inside: from now on the join is timed, once. */
  entered(): void {
    this.enteredAt ??= performance.now();
  }

  /** Sound or picture of somebody else is there. */
  connected(): void {
    if (this.enteredAt !== null) this.join_ms ??= Math.round(performance.now() - this.enteredAt);
  }

  take({ to, sample, rung }: Sampled): void {
    if (sample.at_ms - (this.takenAt.get(to) ?? 0) < EVERY_MS || sample.path === "") return;
    this.takenAt.set(to, sample.at_ms);
    const { at_ms: _, ...kept } = sample;
    this.legs.set(to, [...(this.legs.get(to) ?? []), { ...kept, rung }].slice(-60));
  }

  readonly flush = (): void => {
    if (this.legs.size === 0) return;
    const legs = [...this.legs].map(([to, samples]) => ({ to, samples }));
    const body = JSON.stringify({ line: this.line(), join_ms: this.join_ms, legs });
    this.legs.clear();
    // lost figures are a pity, not a fault
    fetch(this.address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
      keepalive: true,
      credentials: "same-origin",
    }).catch(() => undefined);
  };

  stop(): void {
    clearInterval(this.timer);
    removeEventListener("pagehide", this.flush);
    this.flush();
  }
}
