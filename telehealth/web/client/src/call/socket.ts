/**
 * The line to the room: numbered messages over whichever socket is open now. A dead socket is noticed by silence (the
 * server pings and says how often), replaced with the ticket that the room gave for that, and what the other side has
 * not seen is sent again. Only where that ticket is not taken is another one asked for.
 */

import type { FromPage, FromRoom, PageFrame, RoomFrame } from "./messages";

export type Ticket = { ticket: string; url: string };

export type Listener = {
  heard(message: FromRoom): void;
  opened(open: boolean): void;
  /** The line ends for good. refusal: the service's words, if it was an error. */
  stopped(ending: "replaced" | "refused" | "ended", refusal: string): void;
};

/** Thrown by `join` where asking again cannot help. */
export class Final extends Error {}

const PATIENCE = 2.5; // so many missed pings make a dead socket, as on the other side
const FIRST_MS = 1000; // until the first ping says otherwise
const LOOK_MS = 250;
const WAITS_MS = [250, 500, 1000, 2000, 4000];
/** signaling/close_codes.py */
const RESTART = 1012;
const TICKET = 4401;
const REPLACED = 4409;
const OVER = 4410;

export class RoomSocket {
  private socket: WebSocket | null = null;
  private line: string | null = null;
  private sent = 0;
  private seen = 0;
  private tail: { number: number; message: FromPage }[] = [];
  private ready = false;
  private finished = false;
  private heardAt = 0;
  private everyMs = FIRST_MS;
  /** Where the room was, and the ticket for coming back to it. */
  private back: Ticket | null = null;
  private url = "";
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly watch: ReturnType<typeof setInterval>;
  private joining = false;

  constructor(
    private readonly join: () => Promise<Ticket>,
    private readonly listener: Listener,
  ) {
    this.watch = setInterval(() => this.lookForSilence(), LOOK_MS);
    window.addEventListener("online", this.now);
    void this.open();
  }

  /** Arrives once and in order, also when the socket is away just now. */
  send(message: FromPage): void {
    if (this.finished) return;
    this.sent += 1;
    this.tail.push({ number: this.sent, message });
    if (this.ready) this.post(this.sent, message);
  }

  stop(): void {
    this.finished = true;
    clearInterval(this.watch);
    clearTimeout(this.timer);
    window.removeEventListener("online", this.now);
    this.ready = false;
    this.socket?.close(1000);
  }

  private readonly now = (): void => {
    if (!this.ready) this.reopen(0);
  };

  private async open(): Promise<void> {
    if (this.finished || this.joining) return;
    this.joining = true;
    try {
      const { ticket, url } = this.back ?? (await this.join());
      this.back = null; // it opens the door once
      if (!this.finished) this.connect(ticket, url);
    } catch (error) {
      if (error instanceof Final) this.finish("refused", error.message);
      else this.reopen();
    } finally {
      this.joining = false;
    }
  }

  private connect(ticket: string, url: string): void {
    const socket = new WebSocket(new URL(url, location.href.replace(/^http/, "ws")));
    this.socket = socket;
    this.url = url;
    this.heardAt = performance.now();
    this.everyMs = FIRST_MS;
    socket.onopen = () => this.post(0, { kind: "hello", ticket, line: this.line });
    socket.onmessage = (event) => {
      if (socket === this.socket) this.hear(JSON.parse(event.data as string) as RoomFrame);
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.closed(event.code);
    };
  }

  private hear(frame: RoomFrame): void {
    this.heardAt = performance.now();
    this.tail = this.tail.filter((kept) => kept.number > frame.seen);
    const { message } = frame;
    if (message.kind === "ping") {
      this.everyMs = message.every_ms;
      this.post(0, { kind: "pong" });
      return;
    }
    if (message.kind === "welcome" || message.kind === "renewed") this.back = { ticket: message.ticket, url: this.url };
    if (message.kind === "welcome") this.welcomed(message.line, message.resumed);
    if (frame.number > 0) {
      if (frame.number <= this.seen) return;
      this.seen = frame.number;
    }
    this.listener.heard(message);
  }

  private welcomed(line: string, resumed: boolean): void {
    if (!resumed) {
      // a new line counts from one again, and what was meant for old connections is worth nothing now
      const kept = this.line === null ? this.tail.map((item) => item.message) : [];
      this.tail = kept.map((message, index) => ({ number: index + 1, message }));
      this.sent = this.tail.length;
      this.seen = 0;
    }
    this.line = line;
    this.attempts = 0;
    this.ready = true;
    for (const { number, message } of this.tail) this.post(number, message);
    this.listener.opened(true);
  }

  private post(number: number, message: FromPage): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const frame: PageFrame = { number, seen: this.seen, message };
    this.socket.send(JSON.stringify(frame));
  }

  private closed(code: number): void {
    if (this.finished) return;
    if (code === REPLACED) this.finish("replaced", "");
    else if (code === OVER) this.finish("ended", "");
    else {
      if (code === TICKET) this.back = null; // the sign-in may have ended: the service says so in words
      this.reopen(code === RESTART && this.ready ? 0 : undefined);
    }
  }

  /** A socket may stay "open" long after its network has gone. */
  private lookForSilence(): void {
    if (this.socket && performance.now() - this.heardAt > PATIENCE * this.everyMs) this.reopen(0);
  }

  private reopen(wait = this.backoff()): void {
    if (this.finished) return;
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.ready = false;
    this.listener.opened(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.open(), wait);
  }

  private backoff(): number {
    const wait = WAITS_MS[Math.min(this.attempts, WAITS_MS.length - 1)] ?? 4000;
    this.attempts += 1;
    return wait * (0.75 + Math.random() / 2);
  }

  private finish(ending: "replaced" | "refused" | "ended", refusal: string): void {
    this.stop();
    this.listener.stopped(ending, refusal);
  }
}
