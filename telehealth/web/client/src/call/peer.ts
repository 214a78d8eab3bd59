/**
 * The connection to one other page: perfect negotiation (W3C WebRTC, 10.7), and the ladder of rescues when media stop.
 *
 * One Peer belongs to one line of the other side; a page loaded anew gets a new Peer. Within a Peer the connection itself
 * may be renewed: the other side sees it by the session id of the description (RFC 8829, 5.2.1: constant for the life of
 * a connection) and renews its own, so that no message is needed for it.
 *
 * A small data channel beside the media carries what only these two pages need to know; it survives an ICE restart and
 * costs the room nothing.
 */

import { countsOf, type Flow, UNSEEN, watch } from "./flow";
import type { FromPage, FromRoom, Source } from "./messages";
import { rescuesDue } from "./recovery";
import { SCREEN } from "./screen";
import type { Media } from "./state";

type Description = Extract<FromRoom, { kind: "described" }>;
type Candidate = Extract<FromRoom, { kind: "candidated" }>;

/** What a sender may spend on its picture; null: no picture. */
export type Allowance = { maxBitrate: number; scaleResolutionDownBy: number; maxFramerate: number } | null;

/** From page to page. `picture`: whether one is sent, and why not. `want`: whether the other's picture is wanted here. */
export type Aside = { kind: "key-frame" } | { kind: "picture"; picture: Picture } | { kind: "want"; picture: boolean };

/** weak: the line does not carry it. chosen: somebody wants sound only. still: it should move and does not. */
export type Picture = "on" | "weak" | "chosen" | "still";

export type PeerOptions = {
  /** The other side's line. */
  to: string;
  /** The polite side gives way where both offer at once, and lets the other make the first offer. */
  polite: boolean;
  configuration: RTCConfiguration;
  stream: MediaStream;
  send(message: FromPage): void;
  track(track: MediaStreamTrack, receiver: RTCRtpReceiver, source: Source): void;
  state(media: Media): void;
  aside(message: Exclude<Aside, { kind: "key-frame" }>): void;
  /** The way for asides is open, on the first connection and on every new one. */
  opened(): void;
  still(still: boolean): void;
  /** Nothing else helped: it is time for the telephone. */
  phone(): void;
  /** Only sound is left to try: the picture stays off until the line is good again. */
  soundOnly(): void;
};

const LOOK_MS = 200;
/** Chromium takes 5.9 s to call a dead path "disconnected"; sound alone sends 50 packets a second. */
const SILENT_MS = 1500;
/** A face that has not moved for this long is not shown as one. */
const STILL_MS = 1500;
/** A restart takes about half a second; asking more often only starts it over. */
const RESTART_AGAIN_MS = 4000;
const CHANNEL = 1;

type WithConnection = Navigator & { connection?: EventTarget };

export class Peer {
  private connection: RTCPeerConnection;
  private channel: RTCDataChannel | null = null;
  private makingOffer = false;
  private ignoring = false;
  private screen: MediaStreamTrack | null = null;
  private screenWay: RTCRtpTransceiver | null = null;
  private remoteSession = "";
  /** Session ids of connections that were given up, ours to forget: what still comes from them is late. */
  private readonly retired = new Set<string>();
  private was: Media = "none";
  private flow: Flow = UNSEEN;
  private silent = false;
  private troubleSince = 0;
  private reachable_ms = 0;
  private stepsTaken = 0;
  private restartedAt = Number.NEGATIVE_INFINITY;
  private roomOpen = true;
  private allowance: Allowance | undefined;
  private work: Promise<unknown> = Promise.resolve();
  private closed = false;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly options: PeerOptions) {
    this.connection = this.connect();
    if (!options.polite) this.addMedia();
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    window.addEventListener("online", this.pathChanged);
    (navigator as WithConnection).connection?.addEventListener("change", this.pathChanged);
  }

  get line(): string {
    return this.options.to;
  }

  get media(): Media {
    return this.was;
  }

  statistics(): Promise<RTCStatsReport> {
    return this.connection.getStats();
  }

  // The connection

  private connect(): RTCPeerConnection {
    const connection = new RTCPeerConnection(this.options.configuration);
    connection.onnegotiationneeded = () => void this.offer(connection);
    connection.onicecandidate = ({ candidate }) => this.sendCandidate(candidate);
    connection.ontrack = ({ track, transceiver }) =>
      this.options.track(track, transceiver.receiver, sourceOf(connection, transceiver));
    connection.onconnectionstatechange = () => this.changed();
    connection.oniceconnectionstatechange = () => this.changed();
    return connection;
  }

  /**
   * The impolite side asks for both kinds even without devices of its own, so that it always receives. The polite side
   * adds what it has once the first offer is there, so that the first offers never meet: after rolling back a first
   * offer Chromium gathers no candidates for the answer, and the connection stays "new" for ever.
   */
  private addMedia(): void {
    const { connection } = this;
    const offering = connection.remoteDescription === null;
    this.openChannel();
    for (const kind of ["audio", "video"] as const) {
      const track = this.options.stream.getTracks().find((one) => one.kind === kind);
      if (track) connection.addTrack(track, this.options.stream);
      else if (offering) connection.addTransceiver(kind, { direction: "recvonly" });
    }
    this.addScreen();
  }

  /** Always an m-line of its own, after those of microphone and camera: `addTrack` would take the camera's if it is free. */
  private addScreen(): void {
    if (!this.screen) return;
    const given: RTCRtpTransceiverInit = { direction: "sendonly", sendEncodings: [SCREEN] };
    this.screenWay = this.connection.addTransceiver(this.screen, given);
  }

  /** The screen beside the camera, or no longer. A page that has not answered yet gets it with the other media. */
  share(screen: MediaStreamTrack | null): void {
    this.screen = screen;
    this.screenWay?.stop();
    this.screenWay = null;
    if (this.channel) this.addScreen();
  }

  private senderOf(kind: string): RTCRtpSender | undefined {
    const senders = this.connection.getSenders();
    return senders.find((one) => one.track?.kind === kind && one !== this.screenWay?.sender);
  }

  private openChannel(): void {
    const channel = this.connection.createDataChannel("aside", { negotiated: true, id: CHANNEL });
    channel.onopen = () => this.options.opened();
    channel.onmessage = (event) => this.heardAside(JSON.parse(event.data as string) as Aside);
    this.channel = channel;
  }

  /** A new connection into the same seat: this page's devices and the other page stay as they are. */
  private renew(): void {
    this.rebuild();
    this.addMedia();
  }

  private rebuild(): void {
    if (this.remoteSession) this.retired.add(this.remoteSession);
    const old = this.connection;
    old.onconnectionstatechange = old.oniceconnectionstatechange = old.onnegotiationneeded = old.onicecandidate = null;
    old.close();
    this.makingOffer = this.ignoring = false;
    this.remoteSession = "";
    this.channel = null;
    this.screenWay = null;
    this.flow = UNSEEN;
    this.connection = this.connect();
  }

  // Negotiation

  private async offer(connection: RTCPeerConnection): Promise<void> {
    try {
      this.makingOffer = true;
      await connection.setLocalDescription();
      if (connection === this.connection) this.sendDescription();
    } catch (error) {
      if (connection.signalingState !== "closed") throw error;
    } finally {
      if (connection === this.connection) this.makingOffer = false;
    }
  }

  private sendDescription(): void {
    const description = this.connection.localDescription;
    if (!description) return;
    this.options.send({ kind: "describe", to: this.line, type: description.type, sdp: description.sdp });
  }

  private sendCandidate(candidate: RTCIceCandidate | null): void {
    if (!candidate) return;
    this.options.send({
      kind: "candidate",
      to: this.line,
      candidate: candidate.candidate,
      mid: candidate.sdpMid,
      index: candidate.sdpMLineIndex,
      fragment: candidate.usernameFragment,
    });
  }

  /** Descriptions and candidates are taken one after the other, in the order in which they came. */
  described(message: Description): void {
    this.next(() => this.takeDescription(message));
  }

  candidated(message: Candidate): void {
    this.next(() => this.takeCandidate(message));
  }

  private next(work: () => Promise<void>): void {
    this.work = this.work.then(work).catch((error: unknown) => {
      if (this.closed || this.connection.signalingState === "closed") return;
      reportError(error);
    });
  }

  private async takeDescription({ type, sdp }: Description): Promise<void> {
    const session = sessionOf(sdp);
    if (this.closed || this.retired.has(session)) return;
    const isNew = this.remoteSession !== "" && session !== this.remoteSession;
    const busy = this.makingOffer || this.connection.signalingState !== "stable";
    this.ignoring = type === "offer" && busy && !this.options.polite;
    if (this.ignoring) return;
    if (type === "answer" && this.connection.signalingState !== "have-local-offer") return;
    // a first offer that meets ours is answered by a fresh connection, never by rolling ours back (see addMedia)
    const firstOffersMeet = type === "offer" && busy && this.remoteSession === "";
    if (type === "offer" && (isNew || firstOffersMeet)) this.rebuild();
    const { connection } = this;
    await connection.setRemoteDescription({ type, sdp });
    this.remoteSession = session;
    if (type !== "offer") return;
    if (!this.channel) this.addMedia();
    await connection.setLocalDescription();
    if (connection === this.connection) this.sendDescription();
  }

  private async takeCandidate({ candidate, mid, index, fragment }: Candidate): Promise<void> {
    const known = this.connection.remoteDescription?.sdp;
    // of a description that was ignored, or of a connection that is no more
    if (this.ignoring || !known || (fragment && !known.includes(fragment))) return;
    await this.connection.addIceCandidate({
      candidate,
      sdpMid: mid,
      sdpMLineIndex: index,
      usernameFragment: fragment,
    });
  }

  // Trouble

  /** The line to the room went or came back: messages were kept in order, but the path may be another one. */
  room(open: boolean): void {
    this.roomOpen = open;
    if (open && (this.was !== "connected" || this.silent)) this.restart();
  }

  /** Wi-Fi to 4G: candidates are gathered once, so only a restart finds the new address. */
  private readonly pathChanged = (): void => this.restart();

  private restart(): void {
    const { signalingState, remoteDescription } = this.connection;
    if (signalingState === "closed" || !remoteDescription) return; // nothing to mend before the first answer
    this.restartedAt = performance.now();
    this.connection.restartIce();
  }

  private async look(): Promise<void> {
    const report = await this.connection.getStats().catch(() => null);
    if (!report || this.closed) return;
    const finding = watch(this.flow, countsOf(report, performance.now()));
    this.flow = finding.flow;
    if (finding.askKeyFrame) this.tell({ kind: "key-frame" });
    this.options.still(finding.still_ms >= STILL_MS);
    this.heed(finding.silent_ms >= SILENT_MS);
    this.climb();
  }

  /** Silence is noticed long before ICE says so; a restart on a path that works after all is not even heard. */
  private heed(silent: boolean): void {
    this.silent = silent;
    if (silent && performance.now() - this.restartedAt > RESTART_AGAIN_MS && this.was === "connected") this.restart();
    this.changed();
  }

  private climb(): void {
    if (this.was !== "interrupted") return;
    if (this.roomOpen) this.reachable_ms += LOOK_MS;
    const trouble = { lasted_ms: performance.now() - this.troubleSince, reachable_ms: this.reachable_ms };
    for (const rescue of rescuesDue(trouble, this.options.polite, this.stepsTaken)) {
      this.stepsTaken += 1;
      if (rescue === "restart") this.restart();
      else if (rescue === "renew") this.renew();
      else if (rescue === "sound") this.onlySound();
      else this.options.phone();
    }
  }

  private onlySound(): void {
    this.options.soundOnly();
    this.renew();
  }

  private changed(): void {
    const media = this.found();
    if (media === this.was) return;
    if (media === "interrupted") {
      this.troubleSince = performance.now();
      this.reachable_ms = this.stepsTaken = 0;
    }
    const isNew = this.was !== "connected" && media === "connected";
    this.was = media;
    if (isNew) this.spend(this.allowance);
    if (isNew) this.sendKeyFrame();
    this.options.state(media);
  }

  private found(): Media {
    const { connectionState, iceConnectionState } = this.connection;
    if (connectionState === "failed" || iceConnectionState === "failed" || iceConnectionState === "disconnected")
      return "interrupted";
    if (connectionState === "connected") return this.silent ? "interrupted" : "connected";
    return this.was === "interrupted" ? "interrupted" : "connecting";
  }

  // Beside the media

  tell(message: Aside): void {
    if (this.channel?.readyState === "open") this.channel.send(JSON.stringify(message));
  }

  private heardAside(message: Aside): void {
    if (message.kind === "key-frame") this.sendKeyFrame();
    else this.options.aside(message);
  }

  /** Another camera, or one that was lost and found: no negotiation, the other side sees it at once. */
  async replace(track: MediaStreamTrack): Promise<void> {
    const sender = this.senderOf(track.kind);
    if (sender) await sender.replaceTrack(track);
    else if (this.connection.remoteDescription) this.connection.addTrack(track, this.options.stream);
  }

  /** What the picture may cost from now on; undefined leaves the browser's own choice. */
  spend(allowance: Allowance | undefined): void {
    this.allowance = allowance;
    if (allowance === undefined) return;
    this.adjust((encoding) => {
      encoding.active = allowance !== null;
      if (allowance) Object.assign(encoding, allowance);
    });
  }

  private sendKeyFrame(): void {
    this.adjust(() => undefined, { keyFrame: true });
  }

  /** One change at a time: parameters read before another change are refused by the browser. */
  private adjust(change: (encoding: RTCRtpEncodingParameters) => void, options?: { keyFrame: boolean }): void {
    this.next(async () => {
      const sender = this.senderOf("video");
      const parameters = sender?.getParameters();
      if (!sender || !parameters?.encodings?.length) return;
      parameters.encodings.forEach(change);
      const set = sender.setParameters as (p: RTCRtpSendParameters, options?: object) => Promise<void>;
      const asked = options && { encodingOptions: parameters.encodings.map(() => options) };
      await set.call(sender, parameters, asked).catch(() => undefined); // key frames on demand are Chromium's alone
    });
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    window.removeEventListener("online", this.pathChanged);
    (navigator as WithConnection).connection?.removeEventListener("change", this.pathChanged);
    this.connection.close();
  }
}

/** The first picture is the camera's (see addMedia); another one is a screen. */
function sourceOf(connection: RTCPeerConnection, transceiver: RTCRtpTransceiver): Source {
  const { kind } = transceiver.receiver.track;
  if (kind === "audio") return "microphone";
  const first = connection.getTransceivers().find(({ receiver }) => receiver.track.kind === "video");
  return first === transceiver ? "camera" : "screen";
}

/** The session id of a description's origin line: `o=<user> <session id> <version> …` (RFC 8866, 5.2). */
export function sessionOf(sdp: string): string {
  return /^o=\S+ (\S+)/m.exec(sdp)?.[1] ?? "";
}
