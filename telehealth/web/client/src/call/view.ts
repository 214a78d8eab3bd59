/** Draws a Call onto the page's own elements; text goes in as text. */

import { make, need } from "../lib/dom";
import { t } from "../lib/i18n";
import type { Line } from "./messages";
import type { Picture } from "./peer";
import { allowSteps } from "./preview";
import { type Call, type Ending, lineWords, type Phase, peerOf } from "./state";
import { type Shown, Tiles } from "./tiles";

/** What the page knows of its own line, besides the call itself. */
export type Own = { soundOnly: boolean; outgoing: Picture; phone: boolean; megabytes: number };

const SECTIONS: Record<Phase, string> = {
  check: "check",
  entering: "check",
  waiting: "waiting",
  inside: "inside",
  over: "over",
};
const ENDINGS: Record<Ending, [string, string]> = {
  ended: ["The visit has ended", "You can close this page."],
  hung_up: ["You have left the visit", "If you left by mistake, you can go in again while the visit is open."],
  denied: ["The specialist could not let you in", "Please wait for a call from the clinic or look at your visits."],
  removed: ["You were asked to leave the visit", "If this is a mistake, you can knock again."],
  locked: ["The room is closed to newcomers", "Please ask the doctor's clinic to let you in."],
  replaced: ["The visit goes on elsewhere", "You opened this visit on another page or device, so this one was closed."],
  refused: ["The room could not be entered", ""],
};
const PROBLEMS = {
  denied:
    "Camera and microphone are blocked. Press the lock beside the address, allow both, then try again. You can also go in without them and use the chat.",
  missing: "No camera or microphone was found. You can go in all the same: you will hear and see, and can write.",
  busy: "Another program is using the camera or microphone. Close it and try again, or go in without them.",
  partial: "Only one of camera and microphone works. You can go in with it.",
};
const title = document.title;

export class View {
  private readonly root = need("#call");
  private readonly tiles = new Tiles(() => {
    need("#unmute").hidden = false;
  });
  private shownLines = 0;

  draw(call: Call): void {
    this.root.dataset.phase = SECTIONS[call.phase];
    for (const section of this.root.querySelectorAll<HTMLElement>("[data-section]"))
      section.hidden = section.dataset.section !== SECTIONS[call.phase];
    need<HTMLButtonElement>("#enter").disabled = call.phase === "entering";
    this.drawDevices(call);
    this.drawInside(call);
    this.drawChat(call);
    if (call.phase === "over" && call.ending) this.drawEnding(call.ending, call.refusal);
  }

  private drawDevices(call: Call): void {
    const problem = call.deviceProblem;
    const partial = problem !== null && (call.microphone || call.camera);
    need("#device-problem").hidden = problem === null;
    need("#device-steps").textContent = problem === "denied" ? allowSteps() : "";
    if (problem) need("#device-problem-text").textContent = t(partial ? PROBLEMS.partial : PROBLEMS[problem]);
    for (const button of this.root.querySelectorAll<HTMLButtonElement>("[data-toggle]")) {
      const on = button.dataset.toggle === "microphone" ? call.microphone : call.camera;
      button.setAttribute("aria-pressed", String(on));
    }
    for (const shade of this.root.querySelectorAll<HTMLElement>("[data-own-shade]")) shade.hidden = call.camera;
  }

  private drawInside(call: Call): void {
    if (call.phase !== "inside") return;
    const peer = peerOf(call);
    const words = need("#line-words");
    if (words.textContent !== t(lineWords(call))) words.textContent = t(lineWords(call));
    words.dataset.kind = call.socketOpen && call.media === "connected" && peer?.present ? "ok" : "warn";
    need("#alone").hidden = peer !== null;
    need("#alone-words").textContent = peer ? "" : t(lineWords(call));
  }

  drawOthers(shown: readonly Shown[]): void {
    this.tiles.draw(shown);
  }

  drawOwn({ soundOnly, outgoing, phone, megabytes }: Own): void {
    need("#sound-only").setAttribute("aria-pressed", String(!soundOnly));
    need("#phone-back").hidden = !phone;
    need("#data-use").textContent = megabytes >= 1 ? `${Math.round(megabytes)} MB` : "";
    const weak = outgoing === "weak" && !soundOnly;
    const note = need("#line-note");
    note.hidden = !weak && !soundOnly;
    const words = soundOnly
      ? "Sound only, as you chose. Press “Picture” to see each other again."
      : "Your line is too weak for a picture just now. The sound goes on, and the picture comes back by itself.";
    if (!note.hidden && note.textContent !== t(words)) note.textContent = t(words);
  }

  sharing(on: boolean): void {
    need("#share-toggle").toggleAttribute("data-on", on);
    need("#share-words").textContent = t(on ? "Stop sharing" : "Share screen");
    need("#share-note").hidden = !on;
  }

  /** After a press, which browsers want before they let a page sound. */
  play(): void {
    need("#unmute").hidden = true;
    this.tiles.play();
  }

  private drawChat(call: Call): void {
    need("#chat").hidden = !call.chatOpen;
    need("#chat-toggle").setAttribute("aria-expanded", String(call.chatOpen));
    const badge = need("#unread");
    badge.hidden = call.unread === 0;
    badge.textContent = String(call.unread);
    const list = need("#lines");
    if (call.chat.length < this.shownLines) {
      list.replaceChildren();
      this.shownLines = 0;
    }
    for (const line of call.chat.slice(this.shownLines)) list.append(drawLine(line, line.account === call.account));
    if (this.shownLines !== call.chat.length) list.lastElementChild?.scrollIntoView({ block: "end" });
    this.shownLines = call.chat.length;
    need("#no-lines").hidden = call.chat.length > 0;
  }

  private drawEnding(ending: Ending, refusal: string): void {
    const [heading, text] = ENDINGS[ending];
    need("#over-title").textContent = t(heading);
    need("#over-text").textContent = refusal || t(text);
    need("#again").hidden = !["hung_up", "removed", "locked", "replaced", "refused"].includes(ending);
    document.title = title;
  }

  /** How the visit ended, once it is known. */
  outcome(words: string): void {
    need("#over-outcome").textContent = words;
    need("#over-outcome").hidden = false;
  }

  level(value: number): void {
    need<HTMLMeterElement>("#level").value = value;
  }
}

function drawLine(line: Line, own: boolean): HTMLLIElement {
  const at = new Date(line.at).toLocaleTimeString(document.documentElement.lang, {
    hour: "2-digit",
    minute: "2-digit",
  });
  return make(
    "li",
    { class: own ? "own" : "other" },
    make("small", {}, own ? at : `${line.name} · ${at}`),
    make("p", {}, line.text),
  );
}
