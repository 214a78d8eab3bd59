/** Between the waiting room and whoever leads: who knocks, what they wrote, and an answer to each of them. */

import { make, need } from "../lib/dom";
import { t } from "../lib/i18n";
import type { FromPage, SeatFacts } from "./messages";
import { type Call, type NoteLine, notesWith, waitingOf } from "./state";

type Send = (message: FromPage) => void;

const title = document.title;

/** The host's side. A card stays the same element while its person waits: nothing changes under a finger or a word. */
export class Knocks {
  private readonly list = need("#knocks");
  private readonly cards = new Map<string, HTMLElement>();

  constructor(private readonly send: Send) {}

  draw(call: Call): void {
    const waiting = waitingOf(call);
    document.title = waiting.length ? `(${waiting.length}) ${title}` : title;
    const people = new Set(waiting.map((seat) => seat.account));
    for (const [account, card] of this.cards) {
      if (people.has(account)) continue;
      card.remove();
      this.cards.delete(account);
    }
    for (const seat of waiting) {
      const card = this.cards.get(seat.account) ?? this.make(seat);
      drawNotes(need("ul", card), notesWith(call, seat.account), call.account);
    }
  }

  private make({ account, name }: SeatFacts): HTMLElement {
    const label = t("Write to {name}", { name });
    const answer = make("input", { maxlength: 500, autocomplete: "off", "aria-label": label, placeholder: label });
    const form = make(
      "form",
      { class: "call-answer" },
      answer,
      make("button", { class: "button secondary" }, t("Send")),
    );
    const card = make(
      "li",
      {},
      make("span", {}, make("b", {}, name), ` ${t("is waiting")}`),
      make("button", { type: "button", class: "button primary", "data-admit": account }, t("Admit")),
      make("button", { type: "button", class: "button quiet", "data-deny": account }, t("Not now")),
      make("ul", { class: "call-notes" }),
      form,
    );
    onWords(form, answer, (text) => this.send({ kind: "note", to: account, text }));
    this.cards.set(account, card);
    this.list.append(card);
    return card;
  }
}

/** The side of whoever waits: the place in line, about when, and a line to the specialist once there is one. */
export class Waiting {
  constructor(send: Send) {
    const form = need<HTMLFormElement>("#note-form");
    onWords(form, need<HTMLInputElement>("#note"), (text) => send({ kind: "note", to: null, text }));
  }

  draw(call: Call): void {
    if (call.phase !== "waiting" || !call.room) return;
    const { place, host_here, full, expected_at } = call.room;
    say("#waiting-place", place > 1 ? t("You are number {place} in line.", { place }) : t("You are next."));
    say("#waiting-host", t(hostWords(host_here, full)));
    say("#waiting-time", expectedWords(expected_at, Date.now()));
    need("#waiting-line").hidden = call.socketOpen;
    need("#note-form").hidden = !host_here;
    drawNotes(need("#notes"), notesWith(call, call.account), call.account);
  }
}

function hostWords(here: boolean, full: boolean): string {
  if (full) return "The room is full just now. You can come in as soon as somebody leaves.";
  return here ? "The specialist is in the room and will let you in." : "The specialist has not come yet.";
}

/** About when the turn comes; nothing once that time is past, for it would only sound like a broken promise. */
export function expectedWords(expected_at: string | null, now_ms: number): string {
  const at_ms = expected_at ? Date.parse(expected_at) : 0;
  return at_ms > now_ms ? t("Your turn comes at about {time}.", { time: hour(at_ms) }) : "";
}

function drawNotes(list: HTMLElement, notes: readonly NoteLine[], own: string): void {
  if (list.childElementCount === notes.length) return;
  const said = ({ line }: NoteLine) =>
    make(
      "li",
      { class: line.account === own ? "own" : "other" },
      make("small", {}, line.account === own ? t("You") : line.name),
      ` ${line.text}`,
    );
  list.replaceChildren(...notes.map(said));
  list.lastElementChild?.scrollIntoView({ block: "nearest" });
}

function onWords(form: HTMLFormElement, input: HTMLInputElement, send: (text: string) => void): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text) send(text);
    input.value = "";
  });
}

/** A live region is read out whenever it is written: only what changed. */
function say(selector: string, words: string): void {
  const place = need(selector);
  if (place.textContent !== words) place.textContent = words;
}

function hour(at_ms: number): string {
  const language = globalThis.document?.documentElement.lang || "vi";
  return new Date(at_ms).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
}
