/** What is not pressed in every call: hand, lock, telephone, emergency, and for the host the people inside. */

import { find, make, need } from "../lib/dom";
import { api } from "../lib/http";
import { t } from "../lib/i18n";
import type { FromPage } from "./messages";
import { type Call, othersOf } from "./state";

type Help = { number: string; patient_name: string; address: string; phone: string };

export class More {
  private call: Call | null = null;

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
  }

  private handIsUp(): boolean {
    const own = this.call?.room?.seats.find((seat) => seat.account === this.call?.account);
    return (own?.hand_at ?? null) !== null;
  }

  private pressed(event: Event): void {
    const { mute, remove } = event.target instanceof HTMLElement ? event.target.dataset : {};
    if (mute) this.send({ kind: "ask_mute", account: mute });
    if (remove) this.send({ kind: "remove", account: remove });
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
      .map((seat) => `${seat.account}${seat.microphone}`)
      .join(" ");
    if (list.dataset.shown === wanted) return; // a button must not change under a finger
    list.dataset.shown = wanted;
    list.replaceChildren(...othersOf(call).map((seat) => person(seat)));
  }
}

function person(seat: { account: string; name: string; microphone: boolean }): HTMLLIElement {
  const mute = seat.microphone
    ? [make("button", { type: "button", class: "button quiet", "data-mute": seat.account }, t("Ask to mute"))]
    : [];
  return make(
    "li",
    { class: "row" },
    make("b", {}, seat.name),
    ...mute,
    make("button", { type: "button", class: "button quiet", "data-remove": seat.account }, t("Show out")),
  );
}
