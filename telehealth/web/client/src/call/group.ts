/**
 * The media of everybody in the call, whichever way the room sends them: page to page (`Mesh`) or through an engine
 * (`Conference`). When the room changes the way, the old connections stay until the new ones carry sound.
 */

import { Conference } from "./conference";
import { Mesh } from "./mesh";
import type { FromPage, FromRoom, RoomFacts, SeatFacts } from "./messages";
import type { Picture } from "./peer";
import type { Rung } from "./quality";
import type { Media } from "./state";
import type { Sample } from "./statistics";

/** How one other person comes through. screen: what they share. level: the loudness of this moment, 0..1. */
export type Reception = { media: Media; picture: Picture; stream: MediaStream; screen: MediaStream; level(): number };

/** One look at one connection. to: the other side's line, or which of the two connections to an engine. */
export type Sampled = { to: string; sample: Sample; rung: Rung };

export type Options = {
  configuration(): RTCConfiguration;
  own(): MediaStream;
  send(message: FromPage): void;
  changed(): void;
  sampled(sampled: Sampled): void;
  phone(): void;
};

export interface Way {
  follow(ownLine: string, seats: readonly SeatFacts[], speaker: string): void;
  hear(message: FromRoom): void;
  /** The line to the room went or came back. */
  room(open: boolean): void;
  reception(line: string): Reception | null;
  /** The worst of all connections: what the page says about the line. */
  media(): Media;
  /** Why somebody does not get our picture; "on" if all do. */
  outgoing(): Picture;
  /** Sound only in both directions, or pictures again. */
  choose(soundOnly: boolean): void;
  replace(track: MediaStreamTrack): void;
  /** Our screen to everybody, or no longer. */
  share(screen: MediaStreamTrack | null): void;
  close(): void;
}

/** How long the old way may linger beside the new one. */
const LINGER_MS = 8000;

export class Group {
  soundOnly = false;
  private way: Way | null = null;
  private screen: MediaStreamTrack | null = null;
  private old: Way | null = null;
  private now = "";
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: Options) {}

  /** Everybody else inside, by the way that the room says. */
  follow(ownLine: string, room: RoomFacts | null, others: readonly SeatFacts[], speaker: string): void {
    const wanted = room && others.length ? `${ownLine} ${room.media} ${room.epoch}` : "";
    if (wanted !== this.now) this.change(wanted, room?.media === "engine");
    this.way?.follow(ownLine, others, speaker);
  }

  private change(wanted: string, engine: boolean): void {
    const sameLine = wanted.split(" ")[0] === this.now.split(" ")[0];
    this.now = wanted;
    this.dropOld();
    if (sameLine) this.linger(this.way);
    else this.way?.close(); // the others make new connections for a new line
    this.way = null;
    if (!wanted) return;
    const options = { ...this.options, changed: () => this.changed() };
    this.way = engine ? new Conference(options, this.soundOnly) : new Mesh(options, this.soundOnly);
    this.way.share(this.screen);
  }

  private linger(way: Way | null): void {
    this.old = way;
    this.timer = setTimeout(() => this.dropOld(), LINGER_MS);
  }

  private dropOld(): void {
    clearTimeout(this.timer);
    this.old?.close();
    this.old = null;
  }

  private changed(): void {
    if (this.old && this.way?.media() === "connected") this.dropOld();
    this.options.changed();
  }

  hear(message: FromRoom): void {
    this.way?.hear(message);
  }

  room(open: boolean): void {
    this.way?.room(open);
  }

  reception(line: string): Reception | null {
    const found = this.way?.reception(line) ?? null;
    const before = this.old?.reception(line) ?? null;
    return found?.media !== "connected" && before?.media === "connected" ? before : found;
  }

  media(): Media {
    if (this.old?.media() === "connected") return "connected";
    return this.way?.media() ?? "none";
  }

  outgoing(): Picture {
    return this.way?.outgoing() ?? "on";
  }

  choose(soundOnly: boolean): void {
    this.soundOnly = soundOnly;
    this.way?.choose(soundOnly);
  }

  replace(track: MediaStreamTrack): void {
    this.way?.replace(track);
  }

  share(screen: MediaStreamTrack | null): void {
    this.screen = screen;
    this.way?.share(screen);
  }

  close(): void {
    this.dropOld();
    this.way?.close();
    this.way = null;
    this.now = "";
  }
}

/** The loudness that a receiver hears just now (RFC 6464 where the sender says it, else measured). */
export function levelOf(receiver: RTCRtpReceiver | null): number {
  return receiver?.getSynchronizationSources?.()[0]?.audioLevel ?? 0;
}
