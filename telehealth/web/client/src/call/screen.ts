/**
 * Sharing a screen: the browser asks which, the room says whether it is free, and only then it is sent. A stop from the
 * browser's own bar ends it like our own button.
 */

import type { FromPage, FromRoom } from "./messages";

export type ScreenOptions = {
  ask(): Promise<MediaStream>;
  send(message: FromPage): void;
  /** To everybody else, or no longer. */
  share(track: MediaStreamTrack | null): void;
  changed(sharing: boolean): void;
};

export class ScreenShare {
  private track: MediaStreamTrack | null = null;
  private granted = false;

  constructor(private readonly options: ScreenOptions) {}

  get sharing(): boolean {
    return this.track !== null;
  }

  /** Whoever closes the browser's question without a choice shares nothing, and that is no error. */
  async start(): Promise<void> {
    if (this.track) return;
    const stream = await this.options.ask().catch(() => null);
    const track = stream?.getVideoTracks()[0];
    if (!track) return;
    track.contentHint = "detail"; // letters must stay sharp; it may move slowly
    track.addEventListener("ended", () => this.stop());
    this.track = track;
    this.options.send({ kind: "screen", on: true });
    this.options.changed(true);
  }

  stop(): void {
    if (!this.track) return;
    this.options.send({ kind: "screen", on: false });
    this.drop();
  }

  /** What the room says to it. ownScreen: whether its seats know us as the one who shares. */
  hear(message: FromRoom, ownScreen: boolean): void {
    if (!this.track) return;
    if (message.kind === "refused" && message.reason === "screen_taken") this.drop();
    else if (message.kind === "welcome" && !message.resumed) this.options.send({ kind: "screen", on: true });
    else if (message.kind === "room" && ownScreen && !this.granted) {
      this.granted = true;
      this.options.share(this.track);
    }
  }

  /** The call is over for this page: nothing is left to say to the room. */
  drop(): void {
    this.track?.stop();
    if (this.granted) this.options.share(null);
    this.track = null;
    this.granted = false;
    this.options.changed(false);
  }
}

/** Phones have none. */
export function canShare(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/** One layer: a screen that is scaled down cannot be read. */
export const SCREEN: RTCRtpEncodingParameters = { maxBitrate: 1_200_000, maxFramerate: 8 };
