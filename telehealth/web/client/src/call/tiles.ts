/** One tile for each other person: the face, the name and role, and in words why there is no face. */

import { need } from "../lib/dom";
import { t } from "../lib/i18n";
import type { Reception } from "./group";
import type { SeatFacts } from "./messages";

export type Shown = { seat: SeatFacts; reception: Reception | null; speaking: boolean };

const ROLES: Record<string, string> = {
  host: "Specialist",
  colleague: "Colleague",
  patient: "Patient",
  relative: "Relative",
  interpreter: "Interpreter",
  guest: "Guest",
};

export class Tiles {
  private readonly list = need("#tiles");
  private readonly pattern = need<HTMLTemplateElement>("#tile");
  private readonly tiles = new Map<string, HTMLElement>();

  constructor(private readonly pressWanted: () => void) {}

  draw(shown: readonly Shown[]): void {
    this.drawScreen(shown.find(({ seat }) => seat.screen));
    const people = new Set(shown.map(({ seat }) => seat.account));
    for (const [account, tile] of this.tiles) {
      if (people.has(account)) continue;
      tile.remove();
      this.tiles.delete(account);
    }
    this.list.dataset.count = String(shown.length);
    for (const one of shown) this.drawTile(one);
  }

  /** Large, with the sharer's name; the faces make room. */
  private drawScreen(sharer: Shown | undefined): void {
    const stream = sharer?.reception?.screen;
    const there = (stream?.getVideoTracks().length ?? 0) > 0;
    need("#screen").hidden = !there;
    need(".call-faces").toggleAttribute("data-screen", there);
    const video = need<HTMLVideoElement>("#screen video");
    if (!there || !stream) video.srcObject = null;
    else this.show(video, stream);
    const words = sharer && there ? t("{name} is sharing a screen", { name: sharer.seat.name }) : "";
    const name = need("#screen-name");
    if (name.textContent !== words) name.textContent = words;
  }

  private drawTile({ seat, reception, speaking }: Shown): void {
    const tile = this.tiles.get(seat.account) ?? this.make(seat.account);
    tile.toggleAttribute("data-speaking", speaking);
    need("[data-name]", tile).textContent = seat.name;
    need("[data-role]", tile).textContent = t(ROLES[seat.role] ?? "Guest");
    need("[data-hand]", tile).hidden = seat.hand_at === null;
    need("[data-muted]", tile).hidden = seat.microphone;
    const words = absence(seat, reception);
    need(".call-shade", tile).hidden = words === "";
    const place = need("[data-words]", tile);
    if (place.textContent !== t(words)) place.textContent = words && t(words);
    if (reception) this.show(need<HTMLVideoElement>("video", tile), reception.stream);
  }

  private make(account: string): HTMLElement {
    const tile = need("li", this.pattern.content).cloneNode(true) as HTMLElement;
    tile.dataset.account = account;
    this.tiles.set(account, tile);
    this.list.append(tile);
    return tile;
  }

  private show(video: HTMLVideoElement, stream: MediaStream): void {
    if (video.srcObject === stream || stream.getTracks().length === 0) return;
    video.srcObject = stream;
    video.play().catch((error: unknown) => {
      // iOS and Chrome play sound only after a press; a page loaded anew has had none
      if (error instanceof DOMException && error.name === "NotAllowedError") this.pressWanted();
    });
  }

  play(): void {
    for (const video of this.list.querySelectorAll("video")) void video.play();
  }
}

/** Why there is no face (a key of the page's texts); "" for a face. */
export function absence(seat: SeatFacts, reception: Reception | null): string {
  if (!seat.present) return "The other side has lost the connection. Their seat is kept.";
  if (reception?.media === "interrupted") return "Picture and sound are interrupted. Trying again…";
  if (reception?.media !== "connected") return "Connecting picture and sound…";
  if (!seat.camera) return "The camera is switched off";
  if (reception.picture === "chosen") return "Sound only";
  if (reception.picture === "weak") return "Sound only: the line is too weak for a picture";
  if (reception.picture === "still") return "The picture stands still, the sound goes on";
  return "";
}
