/** What is not pressed in every call: hand, lock, telephone, emergency, and for the host the people inside. */

import { find, make, need } from "../lib/dom";
import { api } from "../lib/http";
import { t } from "../lib/i18n";
import { Refused } from "../lib/problem";
import type { FromPage, SeatFacts } from "./messages";
import { tell } from "./refusals";
import { type Call, othersOf } from "./state";

type Help = { number: string; patient_name: string; address: string; phone: string };

export class More {
  private call: Call | null = null;
  private successor = "";

  constructor(
    private readonly address: string,
    private readonly send: (message: FromPage) => void,
  ) {
    need("#more-toggle").addEventListener("click", () => need<HTMLDialogElement>("#more-dialog").showModal());
    need("#hand").addEventListener("click", () => this.send({ kind: "hand", raised: !this.handIsUp() }));
    find("#lock")?.addEventListener("click", () => this.send({ kind: "lock", locked: !this.call?.room?.locked }));
    find("#by-phone")?.addEventListener("click", () => this.send({ kind: "phone", on: !this.call?.room?.phone }));
    find("#emergency")?.addEventListener("click", () => void this.callHelp());
    find("#people")?.addEventListener("click", (event) => this.pressed(event));
    find("#hand-over")?.addEventListener("click", () => void this.handOver());
  }

  private handIsUp(): boolean {
    const own = this.call?.room?.seats.find((seat) => seat.account === this.call?.account);
    return (own?.hand_at ?? null) !== null;
  }

  private pressed(event: Event): void {
    const { mute, remove, lead } = event.target instanceof HTMLElement ? event.target.dataset : {};
    if (lead) this.askToHandOver(lead);
    if (mute) this.send({ kind: "ask_mute", account: mute });
    if (remove) this.send({ kind: "remove", account: remove });
  }

  private askToHandOver(account: string): void {
    const name = this.call?.room?.seats.find((seat) => seat.account === account)?.name ?? "";
    this.successor = account;
    need("#hand-over-to").textContent = t("{name} leads the visit from then on. You stay as a colleague.", { name });
    need<HTMLDialogElement>("#more-dialog").close();
    need<HTMLDialogElement>("#hand-over-dialog").showModal();
  }

  private async handOver(): Promise<void> {
    need<HTMLDialogElement>("#hand-over-dialog").close();
    await api("POST", `${this.address}/hand-over`, { account: this.successor }).catch((error: unknown) => {
      if (!(error instanceof Refused)) throw error;
      tell(error.problem.title);
    });
  }

  /** Marked at once for everybody; what is read out to 115 stands on the screen. */
  private async callHelp(): Promise<void> {
    const help = await api<Help>("POST", `${this.address}/emergency`).catch(() => null);
    const place = need("#help");
    place.hidden = false;
    place.replaceChildren(
      make("a", { class: "button danger", href: `tel:${help?.number ?? "115"}` }, t("Call 115")),
      make(
        "p",
        {},
        help
          ? [help.patient_name, help.phone].filter(Boolean).join(", ")
          : t("The record does not answer. Ask for the address."),
      ),
      make("p", {}, help?.address ?? ""),
    );
  }

  draw(call: Call): void {
    this.call = call;
    need("#hand").setAttribute("aria-pressed", String(this.handIsUp()));
    find("#lock")?.setAttribute("aria-pressed", String(call.room?.locked ?? false));
    find("#by-phone")?.setAttribute("aria-pressed", String(call.room?.phone ?? false));
    const list = find("#people");
    if (!list) return;
    const wanted = othersOf(call)
      .map((seat) => `${seat.account}${seat.microphone}${seat.role}`)
      .join(" ");
    if (list.dataset.shown === wanted) return; // a button must not change under a finger
    list.dataset.shown = wanted;
    list.replaceChildren(...othersOf(call).map((seat) => person(seat)));
  }
}

function person(seat: SeatFacts): HTMLLIElement {
  const mute = seat.microphone
    ? [make("button", { type: "button", class: "button quiet", "data-mute": seat.account }, t("Ask to mute"))]
    : [];
  const lead =
    seat.role === "colleague"
      ? [make("button", { type: "button", class: "button quiet", "data-lead": seat.account }, t("Hand over"))]
      : [];
  return make(
    "li",
    { class: "row" },
    make("b", {}, seat.name),
    ...mute,
    ...lead,
    make("button", { type: "button", class: "button quiet", "data-remove": seat.account }, t("Show out")),
  );
}
