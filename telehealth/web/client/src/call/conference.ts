/**
 * Everybody in the call through an engine: one connection that sends each of our tracks once (the picture in three
 * sizes), and one that receives everybody else. Offers for what we receive come from the engine.
 */

import { countsOf, type Flow, UNSEEN, watch } from "./flow";
import { levelOf, type Options, type Reception, type Way } from "./group";
import type { FromRoom, Received, SeatFacts, Wanted } from "./messages";
import type { Picture } from "./peer";
import {
  type Budget,
  budgetFrom,
  costOf,
  feel,
  type Layer,
  type Rung,
  type Sending,
  send,
  sendingFrom,
  share,
} from "./quality";
import { rescuesDue } from "./recovery";
import { SCREEN } from "./screen";
import type { Media } from "./state";
import { look, type Totals } from "./statistics";

/** From large to small, as Janus counts them: the last is layer 0. */
const SIZES: RTCRtpEncodingParameters[] = [
  { rid: "h", maxBitrate: 900_000 },
  { rid: "m", maxBitrate: 250_000, scaleResolutionDownBy: 2 },
  { rid: "l", maxBitrate: 90_000, scaleResolutionDownBy: 4 },
];
const LOOK_MS = 1000;
const STILL_MS = 3000;

type Incoming = Reception & { receivers: Map<string, RTCRtpReceiver>; flow: Flow };

export class Conference implements Way {
  private screen: MediaStreamTrack | null = null;
  private screenWay: RTCRtpTransceiver | null = null;
  private publishing: RTCPeerConnection;
  private receiving: RTCPeerConnection | null = null;
  private readonly incoming = new Map<string, Incoming>();
  private streams: Received[] = [];
  private seats: readonly SeatFacts[] = [];
  private speaker = "";
  private asked = "";
  private chosen = "";
  private asked_kbps = 0;
  private sending: Sending = sendingFrom(performance.now());
  private budget: Budget = budgetFrom(performance.now());
  private sent: Totals | null = null;
  private got: Totals | null = null;
  private spent: Rung | null = null;
  private was: Media = "none";
  private troubleSince = 0;
  private reachable_ms = 0;
  private stepsTaken = 0;
  private open = true;
  private work: Promise<unknown> = Promise.resolve();
  private closed = false;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(
    private readonly options: Options,
    private soundOnly: boolean,
  ) {
    this.publishing = this.publish();
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    window.addEventListener("online", this.restart);
  }

  // What we send

  private publish(): RTCPeerConnection {
    const connection = new RTCPeerConnection(this.options.configuration());
    connection.onicecandidate = ({ candidate }) => this.trickle("publish", candidate);
    connection.onconnectionstatechange = () => this.changed();
    connection.onnegotiationneeded = () => this.next(() => this.describe(connection));
    const own = this.options.own();
    for (const track of own.getTracks()) {
      const sizes = track.kind === "video" ? { sendEncodings: SIZES.map((size) => ({ ...size })) } : {};
      connection.addTransceiver(track, { direction: "sendonly", streams: [own], ...sizes });
    }
    this.screenWay = this.screen && addScreen(connection, this.screen);
    return connection;
  }

  private async describe(connection: RTCPeerConnection): Promise<void> {
    if (connection !== this.publishing || connection.signalingState !== "stable") return;
    await connection.setLocalDescription();
    const streams = connection.getTransceivers().flatMap(({ mid, sender, direction }) => {
      const ways = { video: sender === this.screenWay?.sender ? "screen" : "camera", audio: "microphone" } as const;
      const kind = sender.track?.kind as "video" | "audio" | undefined;
      return mid && kind && direction === "sendonly" ? [{ mid, source: ways[kind] }] : [];
    });
    const sdp = connection.localDescription?.sdp;
    if (sdp) this.options.send({ kind: "publish", sdp, streams });
  }

  private trickle(connection: "publish" | "subscribe", candidate: RTCIceCandidate | null): void {
    this.options.send({
      kind: "trickle",
      connection,
      candidate: candidate?.candidate ?? null,
      mid: candidate?.sdpMid ?? null,
      index: candidate?.sdpMLineIndex ?? null,
    });
  }

  // What we receive

  follow(_ownLine: string, seats: readonly SeatFacts[], speaker: string): void {
    this.seats = seats;
    this.speaker = speaker;
    this.ask();
    this.allot();
  }

  /** Everything that the others send, as soon as the engine has it. */
  private ask(again = false): void {
    const streams: Wanted[] = this.seats.flatMap(({ line, streams }) => streams.map((source) => ({ line, source })));
    const asked = JSON.stringify(streams);
    if (asked === this.asked && !again) return;
    if (!streams.length && !this.asked) return;
    this.asked = asked;
    this.options.send({ kind: "subscribe", streams });
  }

  hear(message: FromRoom): void {
    if (message.kind === "published") this.next(() => this.answered(message.sdp));
    if (message.kind === "offered") this.next(() => this.offered(message.sdp, message.streams));
  }

  private next(work: () => Promise<void>): void {
    this.work = this.work.then(work).catch((error: unknown) => {
      if (!this.closed) reportError(error);
    });
  }

  private async answered(sdp: string): Promise<void> {
    if (this.publishing.signalingState !== "have-local-offer") return; // of a connection that was given up
    await this.publishing.setRemoteDescription({ type: "answer", sdp });
  }

  private async offered(sdp: string, streams: Received[]): Promise<void> {
    if (this.closed) return;
    this.receiving ??= this.receive();
    const connection = this.receiving;
    await connection.setRemoteDescription({ type: "offer", sdp });
    await connection.setLocalDescription();
    const answer = connection.localDescription?.sdp;
    if (answer) this.options.send({ kind: "accept", sdp: answer });
    this.streams = streams;
    this.chosen = "";
    this.plug(connection);
    this.allot();
  }

  private receive(): RTCPeerConnection {
    const connection = new RTCPeerConnection(this.options.configuration());
    connection.onicecandidate = ({ candidate }) => this.trickle("subscribe", candidate);
    connection.onconnectionstatechange = () => this.changed();
    return connection;
  }

  /** Which track is whose follows from the m-line: Janus gives every track the same id. */
  private plug(connection: RTCPeerConnection): void {
    const transceivers = new Map(connection.getTransceivers().map((one) => [one.mid, one]));
    const lines = new Set(this.streams.map(({ line }) => line));
    for (const line of this.incoming.keys()) if (!lines.has(line)) this.incoming.delete(line);
    for (const { mid, line, source } of this.streams) {
      const transceiver = transceivers.get(mid);
      if (!transceiver) continue;
      const incoming = this.incomingOf(line);
      incoming.receivers.set(source, transceiver.receiver);
      const { track } = transceiver.receiver;
      const stream = source === "screen" ? incoming.screen : incoming.stream;
      for (const old of stream.getTracks()) if (old.kind === track.kind && old !== track) stream.removeTrack(old);
      stream.addTrack(track);
    }
    this.options.changed();
  }

  private incomingOf(line: string): Incoming {
    const known = this.incoming.get(line);
    if (known) return known;
    const receivers = new Map<string, RTCRtpReceiver>();
    const made: Incoming = {
      media: "connecting",
      picture: "on",
      stream: new MediaStream(),
      screen: new MediaStream(),
      level: () => levelOf(receivers.get("microphone") ?? null),
      receivers,
      flow: UNSEEN,
    };
    this.incoming.set(line, made);
    return made;
  }

  /** The layers that the line carries: said only when they change. */
  private allot(): void {
    const cameras = this.streams.filter(({ source }) => source === "camera");
    const wanted = cameras.map(({ mid, line }) => {
      const speaking = this.seats.find((seat) => seat.line === line)?.account === this.speaker;
      return { id: mid, speaking: speaking || cameras.length === 1, largest: this.largest(cameras.length, speaking) };
    });
    const given = share(this.soundOnly ? 0 : this.budget.kbps, wanted);
    this.asked_kbps = costOf(given.values());
    const layers = [...given].map(([mid, layer]) => ({ mid, layer: layer === 0 ? null : layer - 1 }));
    const chosen = JSON.stringify(layers);
    for (const { mid, line } of cameras) this.picture(line, given.get(mid) ?? 0);
    if (!layers.length || chosen === this.chosen) return;
    this.chosen = chosen;
    this.options.send({ kind: "layers", layers });
  }

  /** A small tile shows no more than a small picture. */
  private largest(count: number, speaking: boolean): Layer {
    if (count <= 2) return 3;
    return count <= 6 || speaking ? 2 : 1;
  }

  private picture(line: string, layer: Layer): void {
    const incoming = this.incoming.get(line);
    const picture: Picture = layer > 0 ? "on" : this.soundOnly ? "chosen" : "weak";
    if (!incoming || (incoming.picture === "still" && picture === "on") || incoming.picture === picture) return;
    incoming.picture = picture;
    this.options.changed();
  }

  // Once a second

  private async look(): Promise<void> {
    if (this.closed) return;
    const at_ms = performance.now();
    await this.lookAtSending(at_ms);
    await this.lookAtReceiving(at_ms);
    this.climb();
  }

  private async lookAtSending(at_ms: number): Promise<void> {
    const report = await this.publishing.getStats();
    const { sample, totals } = look(report as unknown as Parameters<typeof look>[0], at_ms, this.sent);
    this.sent = totals;
    if (this.publishing.connectionState === "connected") this.sending = send(this.sending, sample);
    await this.apply();
    this.options.sampled({ to: "publish", sample, rung: this.spent ?? 3 });
  }

  private async lookAtReceiving(at_ms: number): Promise<void> {
    if (!this.receiving) return;
    const report = await this.receiving.getStats();
    const { sample, totals } = look(report as unknown as Parameters<typeof look>[0], at_ms, this.got);
    this.got = totals;
    this.budget = feel(this.budget, sample, this.asked_kbps);
    this.allot();
    for (const incoming of this.incoming.values()) await this.lookAtPicture(incoming, at_ms);
    this.options.sampled({ to: "subscribe", sample, rung: this.spent ?? 3 });
  }

  private async lookAtPicture(incoming: Incoming, at_ms: number): Promise<void> {
    const report = await incoming.receivers.get("camera")?.getStats();
    if (!report) return;
    const finding = watch(incoming.flow, countsOf(report, at_ms));
    incoming.flow = finding.flow;
    const still = finding.still_ms >= STILL_MS;
    if (still === (incoming.picture === "still") || incoming.picture === "weak" || incoming.picture === "chosen")
      return;
    incoming.picture = still ? "still" : "on";
    this.options.changed();
  }

  /** The sizes that the line to the engine carries: the small one is the last to go. */
  private async apply(): Promise<void> {
    const rung = this.soundOnly ? 0 : this.sending.rung;
    if (rung === this.spent) return;
    this.spent = rung;
    const sender = this.senderOf("video");
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return;
    parameters.encodings.forEach((encoding, index) => {
      encoding.active = rung > SIZES.length - 1 - index;
    });
    await sender.setParameters(parameters).catch(() => undefined);
    this.options.changed();
  }

  // Trouble

  room(open: boolean): void {
    this.open = open;
    if (open && this.was !== "connected") this.restart();
  }

  /** A new path for both connections; the engine makes the offer for the second. */
  private readonly restart = (): void => {
    if (this.publishing.remoteDescription) this.publishing.restartIce();
    if (this.receiving) this.ask(true);
  };

  private climb(): void {
    if (this.was !== "interrupted") return;
    if (this.open) this.reachable_ms += LOOK_MS;
    const trouble = { lasted_ms: performance.now() - this.troubleSince, reachable_ms: this.reachable_ms };
    for (const rescue of rescuesDue(trouble, false, this.stepsTaken)) {
      this.stepsTaken += 1;
      if (rescue === "restart") this.restart();
      else if (rescue === "phone") this.options.phone();
      else this.renew();
    }
  }

  /** Both connections anew: the engine sees it by the session id of the offer. */
  private renew(): void {
    this.publishing.close();
    this.receiving?.close();
    this.receiving = null;
    this.asked = this.chosen = "";
    this.spent = this.sent = this.got = null;
    this.publishing = this.publish();
    this.next(async () => this.ask());
  }

  private changed(): void {
    if (this.closed) return;
    const media = this.found();
    for (const incoming of this.incoming.values())
      incoming.media = this.receiving ? mediaOf(this.receiving, media) : media;
    if (media === "interrupted" && this.was !== "interrupted") {
      this.troubleSince = performance.now();
      this.reachable_ms = this.stepsTaken = 0;
    }
    this.was = media;
    this.options.changed();
  }

  private found(): Media {
    const states = [this.publishing, this.receiving].flatMap((connection) =>
      connection ? [connection.connectionState] : [],
    );
    if (states.some((state) => state === "failed" || state === "disconnected")) return "interrupted";
    if (states.every((state) => state === "connected")) return this.receiving ? "connected" : "connecting";
    return this.was === "interrupted" ? "interrupted" : "connecting";
  }

  media(): Media {
    return this.was;
  }

  reception(line: string): Reception | null {
    return this.incoming.get(line) ?? null;
  }

  outgoing(): Picture {
    if (this.spent !== 0) return "on";
    return this.soundOnly ? "chosen" : "weak";
  }

  choose(soundOnly: boolean): void {
    this.soundOnly = soundOnly;
    void this.apply();
    this.allot();
  }

  replace(track: MediaStreamTrack): void {
    void this.senderOf(track.kind)?.replaceTrack(track);
  }

  share(screen: MediaStreamTrack | null): void {
    this.screen = screen;
    this.screenWay?.stop();
    this.screenWay = screen && addScreen(this.publishing, screen);
  }

  private senderOf(kind: string): RTCRtpSender | undefined {
    const senders = this.publishing.getSenders();
    return senders.find((one) => one.track?.kind === kind && one !== this.screenWay?.sender);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    window.removeEventListener("online", this.restart);
    this.publishing.close();
    this.receiving?.close();
  }
}

function addScreen(connection: RTCPeerConnection, screen: MediaStreamTrack): RTCRtpTransceiver {
  return connection.addTransceiver(screen, { direction: "sendonly", sendEncodings: [SCREEN] });
}

function mediaOf(connection: RTCPeerConnection, otherwise: Media): Media {
  return connection.connectionState === "connected"
    ? "connected"
    : otherwise === "connected"
      ? "connecting"
      : otherwise;
}
