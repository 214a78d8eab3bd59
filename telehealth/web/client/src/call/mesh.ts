/**
 * Everybody in the call, each over a connection of their own: the visit of two, and the hội chẩn of up to four.
 *
 * The room says who is inside; a Member is made for each line and dropped with it. Once a second every connection is
 * looked at, and what it may carry is decided.
 */

import { levelOf, type Options, type Reception, type Way } from "./group";
import type { FromRoom, SeatFacts, Source } from "./messages";
import { type Aside, Peer, type Picture } from "./peer";
import { allowanceOf, type Rung, type Sending, send, sendingFrom } from "./quality";
import type { Media } from "./state";
import { look, type Totals } from "./statistics";

const LOOK_MS = 1000;
/** Three encoders at full size are more than a cheap phone has. */
const LARGEST_OF_SEVERAL: Rung = 2;

class Member {
  readonly peer: Peer;
  readonly reception: Reception = {
    media: "connecting",
    picture: "on",
    stream: new MediaStream(),
    screen: new MediaStream(),
    level: () => levelOf(this.sound),
  };
  private sound: RTCRtpReceiver | null = null;
  private sending: Sending = sendingFrom(performance.now());
  private totals: Totals | null = null;
  private picture: Picture = "on";
  private wanted = true;
  private spent: Rung | null = null;

  constructor(
    readonly seat: SeatFacts,
    polite: boolean,
    private readonly mesh: Mesh,
    private readonly options: Options,
  ) {
    this.peer = new Peer({
      to: seat.line,
      polite,
      configuration: options.configuration(),
      stream: options.own(),
      send: options.send,
      track: (track, receiver, source) => this.show(track, receiver, source),
      state: (media) => this.set({ media }),
      aside: (message) => this.heard(message),
      opened: () => this.introduce(),
      still: (still) => this.set({ picture: still && this.picture === "on" ? "still" : this.picture }),
      phone: options.phone,
      soundOnly: () => {
        this.sending = { ...this.sending, rung: 0, since_ms: performance.now(), goodSince_ms: performance.now() };
        this.apply();
      },
    });
  }

  private set(change: Partial<Reception>): void {
    const before = { ...this.reception };
    Object.assign(this.reception, change);
    if (before.media !== this.reception.media || before.picture !== this.reception.picture) this.options.changed();
  }

  private show(track: MediaStreamTrack, receiver: RTCRtpReceiver, source: Source): void {
    if (source === "microphone") this.sound = receiver;
    const stream = source === "screen" ? this.reception.screen : this.reception.stream;
    for (const old of stream.getTracks()) if (old.kind === track.kind) stream.removeTrack(old);
    stream.addTrack(track);
    this.options.changed();
  }

  private heard(message: Exclude<Aside, { kind: "key-frame" }>): void {
    if (message.kind === "want") {
      this.wanted = message.picture;
      this.apply();
      return;
    }
    this.picture = message.picture;
    this.set({ picture: message.picture });
  }

  private introduce(): void {
    this.peer.tell({ kind: "want", picture: !this.mesh.soundOnly });
    this.spent = null;
    this.apply();
  }

  /** What the line, the choices of both sides and the number of people leave for the picture. */
  apply(): void {
    const chosen = this.mesh.soundOnly || !this.wanted;
    const most = this.mesh.size > 1 ? LARGEST_OF_SEVERAL : 3;
    const rung = chosen ? 0 : (Math.min(this.sending.rung, most) as Rung);
    if (rung === this.spent) return;
    this.spent = rung;
    this.peer.spend(allowanceOf(rung));
    this.peer.tell({ kind: "picture", picture: rung > 0 ? "on" : chosen ? "chosen" : "weak" });
    this.options.changed();
  }

  /** Why our own picture does not go out. */
  get outgoing(): Picture {
    if (this.spent !== 0) return "on";
    return this.mesh.soundOnly || !this.wanted ? "chosen" : "weak";
  }

  choose(soundOnly: boolean): void {
    this.peer.tell({ kind: "want", picture: !soundOnly });
    this.apply();
  }

  async sample(): Promise<void> {
    const report = await this.peer.statistics().catch(() => null);
    if (!report) return;
    const { sample, totals } = look(report as unknown as Parameters<typeof look>[0], performance.now(), this.totals);
    this.totals = totals;
    if (this.peer.media === "connected") this.sending = send(this.sending, sample);
    this.apply();
    this.options.sampled({ to: this.seat.line, sample, rung: this.spent ?? this.sending.rung });
  }
}

export class Mesh implements Way {
  private members = new Map<string, Member>();
  private screen: MediaStreamTrack | null = null;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly options: Options,
    public soundOnly: boolean,
  ) {
    this.timer = setInterval(() => this.lookAtAll(), LOOK_MS);
  }

  private lookAtAll(): void {
    for (const member of this.members.values()) void member.sample();
  }

  get size(): number {
    return this.members.size;
  }

  /** One Member for each line that sits inside now; another line of the same person means another page. */
  follow(ownLine: string, seats: readonly SeatFacts[]): void {
    const lines = new Set(seats.map((seat) => seat.line));
    const gone = [...this.members].filter(([line]) => !lines.has(line));
    const come = seats.filter((seat) => !this.members.has(seat.line));
    for (const [line, member] of gone) {
      member.peer.close();
      this.members.delete(line);
    }
    for (const seat of come) {
      const member = new Member(seat, isPolite(ownLine, seat.line), this, this.options);
      if (this.screen) member.peer.share(this.screen);
      this.members.set(seat.line, member);
    }
    if (gone.length || come.length) {
      for (const member of this.members.values()) member.apply();
      this.options.changed();
    }
  }

  hear(message: FromRoom): void {
    if (message.kind === "described") this.members.get(message.sender)?.peer.described(message);
    if (message.kind === "candidated") this.members.get(message.sender)?.peer.candidated(message);
  }

  room(open: boolean): void {
    for (const { peer } of this.members.values()) peer.room(open);
  }

  reception(line: string): Reception | null {
    return this.members.get(line)?.reception ?? null;
  }

  media(): Media {
    const found = [...this.members.values()].map((member) => member.peer.media);
    return (
      (["interrupted", "connecting", "none", "connected"] as const).find((media) => found.includes(media)) ?? "none"
    );
  }

  outgoing(): Picture {
    return [...this.members.values()].map((member) => member.outgoing).find((picture) => picture !== "on") ?? "on";
  }

  choose(soundOnly: boolean): void {
    this.soundOnly = soundOnly;
    for (const member of this.members.values()) member.choose(soundOnly);
  }

  replace(track: MediaStreamTrack): void {
    for (const { peer } of this.members.values()) void peer.replace(track);
  }

  share(screen: MediaStreamTrack | null): void {
    this.screen = screen;
    for (const { peer } of this.members.values()) peer.share(screen);
  }

  close(): void {
    clearInterval(this.timer);
    for (const { peer } of this.members.values()) peer.close();
    this.members.clear();
  }
}

/** Of every two pages exactly one gives way: the one whose line is younger (lines are UUIDs of version 7). */
function isPolite(ownLine: string, otherLine: string): boolean {
  return ownLine > otherLine;
}
