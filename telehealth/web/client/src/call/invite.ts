/** Asking others in from inside the call: a relative or interpreter by a link for one use, a colleague by name. */

import { find, make, need } from "../lib/dom";
import { api } from "../lib/http";
import { t } from "../lib/i18n";
import { Refused } from "../lib/problem";

type Invitation = { name: string; link: string | null };
type Doctor = { id: string; title: string; full_name: string };

export class Invite {
  private readonly dialog = need<HTMLDialogElement>("#invite-dialog");

  constructor(
    private readonly address: string,
    private readonly account: () => string,
  ) {
    need("#invite").addEventListener("click", () => this.open());
    onSubmit("#link-form", () => this.byLink());
    onSubmit("#colleague-form", () => this.colleague());
    need("#made-copy").addEventListener("click", () => copy());
  }

  private open(): void {
    need<HTMLDialogElement>("#more-dialog").close();
    need("#made").hidden = need("#invite-problem").hidden = true;
    this.dialog.showModal();
    need("#invite-name").focus();
    void this.list();
  }

  /** Doctors to choose from, once; without an answer the list stays empty and the link still works. */
  private async list(): Promise<void> {
    const select = find<HTMLSelectElement>("#invite-colleague");
    if (!select || select.options.length > 1) return;
    const found = await api<Doctor[]>("GET", "/api/v1/practitioners").catch(() => []);
    const others = found.filter(({ id }) => id !== this.account());
    others.sort((one, other) => one.full_name.localeCompare(other.full_name, "vi"));
    const named = ({ id, title, full_name }: Doctor) => make("option", { value: id }, `${title} ${full_name}`.trim());
    select.append(...others.map(named));
  }

  private async byLink(): Promise<void> {
    const name = need<HTMLInputElement>("#invite-name");
    const role = need<HTMLSelectElement>("#invite-role").value;
    const made = await this.ask("links", { role, name: name.value.trim() });
    if (!made) return;
    name.value = "";
    const words = t("Send this link to {name}. It opens this visit once, and is shown only now.", { name: made.name });
    this.show(words, made.link ?? "");
  }

  private async colleague(): Promise<void> {
    const made = await this.ask("colleagues", { account: need<HTMLSelectElement>("#invite-colleague").value });
    if (!made) return;
    const words = t("{name} is invited. Send them this address: they sign in and knock.", { name: made.name });
    this.show(words, need<HTMLInputElement>("#short-link").value);
  }

  private async ask(kind: "links" | "colleagues", body: object): Promise<Invitation | null> {
    const problem = need("#invite-problem");
    problem.hidden = true;
    try {
      return await api<Invitation>("POST", `${this.address}/invitations/${kind}`, body);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem.textContent = error.problem.title;
      problem.hidden = false;
      return null;
    }
  }

  private show(words: string, link: string): void {
    need("#made").hidden = false;
    need("#made-words").textContent = words;
    need<HTMLInputElement>("#made-link").value = link;
    need("#made-copy").textContent = t("Copy");
    need("#made-copy").focus();
  }
}

function copy(): void {
  const link = need<HTMLInputElement>("#made-link");
  link.select();
  void navigator.clipboard?.writeText(link.value).catch(() => undefined);
  need("#made-copy").textContent = t("Copied");
}

function onSubmit(selector: string, act: () => Promise<void>): void {
  find(selector)?.addEventListener("submit", (event) => {
    event.preventDefault();
    void act();
  });
}
