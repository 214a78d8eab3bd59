/** Entry of the report editor: saves while the reader writes, and keeps the claim alive. Without it the form still works. */

const SAVE_AFTER_MS = 3000;
const HEARTBEAT_MS = 120_000;

type Draft = {
  findings: string;
  impression: string;
  recommendation: string;
  critical: boolean;
  draft_revision: number;
};

function draftOf(form: HTMLFormElement): Draft {
  const said = new FormData(form);
  const text = (name: string): string => String(said.get(name) ?? "");
  return {
    findings: text("findings"),
    impression: text("impression"),
    recommendation: text("recommendation"),
    critical: said.get("critical") === "yes",
    draft_revision: Number(text("draft_revision")),
  };
}

function start(form: HTMLFormElement): void {
  const address = `/api/v1/referrals/${form.dataset.referral}`;
  const state = form.querySelector<HTMLElement>("[data-save-state]");
  const revision = form.elements.namedItem("draft_revision") as HTMLInputElement;
  let timer: number | undefined;
  let saving: Promise<void> = Promise.resolve();
  let stopped = false;

  const say = (text: string | undefined): void => {
    if (state) state.textContent = text ?? "";
  };

  async function save(): Promise<void> {
    const answer = await fetch(`${address}/report`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(draftOf(form)),
    }).catch(() => null);
    if (answer?.ok) {
      revision.value = String(((await answer.json()) as { draft_revision: number }).draft_revision);
      say(form.dataset.saved);
    } else if (answer?.status === 409) {
      stopped = true; // another page is newer: overwriting it silently would lose its text
      say(form.dataset.conflict);
    } else {
      say(form.dataset.unsaved);
    }
  }

  form.addEventListener("input", (event) => {
    if ((event.target as HTMLInputElement).name === "otp" || stopped) return;
    say(form.dataset.unsaved);
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      saving = saving.then(save);
    }, SAVE_AFTER_MS);
  });
  // a save on its way would make the form's own revision stale: the form waits for it
  form.addEventListener("submit", (event) => {
    window.clearTimeout(timer);
    const by = (event as SubmitEvent).submitter;
    if (form.dataset.settled === "yes") return;
    event.preventDefault();
    void saving.then(() => {
      form.dataset.settled = "yes";
      form.requestSubmit(by instanceof HTMLButtonElement ? by : undefined);
    });
  });
  window.setInterval(() => void fetch(`${address}/heartbeat`, { method: "POST" }).catch(() => null), HEARTBEAT_MS);
}

const form = document.querySelector<HTMLFormElement>("#report-editor");
if (form) start(form);
