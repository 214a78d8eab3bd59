/**
 * The connection to the other person's page: perfect negotiation (W3C WebRTC, 10.7), with an ICE restart whenever the
 * path may have changed. One Peer belongs to one line of the other side; a page loaded anew gets a new Peer.
 */

import type { FromPage, FromRoom } from "./messages";
import type { Media } from "./state";

type Description = Extract<FromRoom, { kind: "described" }>;
type Candidate = Extract<FromRoom, { kind: "candidated" }>;

export type PeerOptions = {
  /** The other side's line. */
  to: string;
  /** The patient gives way where both offer at once. */
  polite: boolean;
  iceServers: RTCIceServer[];
  stream: MediaStream;
  send(message: FromPage): void;
  track(track: MediaStreamTrack): void;
  state(media: Media): void;
};

/** A blip shorter than this mends itself; after it, ICE starts anew. */
const PATIENCE_MS = 500;
/** The patient leaves the restart to the host at first, so that the two offers do not meet. */
const POLITE_PATIENCE_MS = 2500;

export class Peer {
  readonly connection: RTCPeerConnection;
  private makingOffer = false;
  private ignoring = false;
  private was: Media = "none";
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: PeerOptions) {
    this.connection = new RTCPeerConnection({ iceServers: options.iceServers });
    this.connection.onnegotiationneeded = () => void this.offer();
    this.connection.onicecandidate = ({ candidate }) => this.sendCandidate(candidate);
    this.connection.ontrack = ({ track }) => options.track(track);
    this.connection.onconnectionstatechange = () => this.changed();
    this.connection.oniceconnectionstatechange = () => this.changed();
    if (!options.polite) this.addMedia();
    window.addEventListener("online", this.restart);
  }

  get line(): string {
    return this.options.to;
  }

  /**
   * The host asks for both kinds even without devices of its own, so that it always receives. The patient adds what it
   * has once the host's first offer is there, so that the first offers never meet: after rolling back a first offer
   * Chromium gathers no candidates for the answer, and the connection stays "new" for ever.
   */
  private addMedia(): void {
    const { stream, polite } = this.options;
    for (const kind of ["audio", "video"] as const) {
      const track = stream.getTracks().find((one) => one.kind === kind);
      if (track) this.connection.addTrack(track, stream);
      else if (!polite) this.connection.addTransceiver(kind, { direction: "recvonly" });
    }
  }

  private async offer(): Promise<void> {
    try {
      this.makingOffer = true;
      await this.connection.setLocalDescription();
      this.sendDescription();
    } catch (error) {
      if (this.connection.signalingState !== "closed") throw error;
    } finally {
      this.makingOffer = false;
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

  async described({ type, sdp }: Description): Promise<void> {
    const { connection } = this;
    const collision = type === "offer" && (this.makingOffer || connection.signalingState !== "stable");
    this.ignoring = !this.options.polite && collision;
    if (this.ignoring) return;
    if (type === "answer" && connection.signalingState !== "have-local-offer") return;
    await connection.setRemoteDescription({ type, sdp });
    if (type !== "offer") return;
    if (this.options.polite && !connection.getSenders().some((sender) => sender.track)) this.addMedia();
    await connection.setLocalDescription();
    this.sendDescription();
  }

  async candidated({ candidate, mid, index, fragment }: Candidate): Promise<void> {
    const ofIgnoredOffer = this.ignoring; // the refusal may come after the next description
    try {
      await this.connection.addIceCandidate({
        candidate,
        sdpMid: mid,
        sdpMLineIndex: index,
        usernameFragment: fragment,
      });
    } catch (error) {
      if (!ofIgnoredOffer && this.connection.signalingState !== "closed") throw error;
    }
  }

  /** The socket is back: messages were kept in order, but the path may be another one. */
  reopened(): void {
    if (this.connection.connectionState !== "connected") this.restart();
  }

  private readonly restart = (): void => {
    const { signalingState, remoteDescription } = this.connection;
    if (signalingState !== "closed" && remoteDescription) this.connection.restartIce(); // nothing to mend before
  };

  private patience(): number {
    return this.options.polite ? POLITE_PATIENCE_MS : PATIENCE_MS;
  }

  private changed(): void {
    const media = this.media();
    if (media === this.was) return;
    const wasInterrupted = this.was === "interrupted";
    this.was = media;
    clearTimeout(this.timer);
    if (media === "interrupted") this.timer = setTimeout(this.restart, this.patience());
    if (media === "connected" && wasInterrupted) void this.sendKeyFrame();
    this.options.state(media);
  }

  private media(): Media {
    const { connectionState, iceConnectionState } = this.connection;
    if (connectionState === "failed" || iceConnectionState === "failed" || iceConnectionState === "disconnected")
      return "interrupted";
    if (connectionState === "connected") return "connected";
    return this.was === "interrupted" ? "interrupted" : "connecting";
  }

  /** Without it the picture stands still for up to three seconds after a blip. Chromium only. */
  private async sendKeyFrame(): Promise<void> {
    const sender = this.connection.getSenders().find((one) => one.track?.kind === "video");
    if (!sender) return;
    const set = sender.setParameters as (p: RTCRtpSendParameters, options?: object) => Promise<void>;
    try {
      await set.call(sender, sender.getParameters(), { encodingOptions: [{ keyFrame: true }] });
    } catch {
      // other browsers send one by themselves, later
    }
  }

  close(): void {
    clearTimeout(this.timer);
    window.removeEventListener("online", this.restart);
    this.connection.close();
  }
}
