/** The upload page: takes folders, files and zips, sends three at a time, and says what became of each. */
import "../upload/upload.css";
import { find, make, need } from "../lib/dom";
import { api, persist } from "../lib/http";
import { loadTexts, t } from "../lib/i18n";
import { problemOf, Refused, UNREACHABLE } from "../lib/problem";
import { fromDrop, fromInput, type Picked } from "../upload/pick";
import { sendAll } from "../upload/queue";

type Answer = { id: string; name: string; verdict: string; text: string };
type Upload = { id: string; counts: Record<string, number>; files: Answer[] };

const KINDS: Record<string, [string, string]> = {
  waiting: ["info", "Being unpacked"],
  unpacked: ["ok", "Unpacked"],
  stored: ["ok", "Received"],
  duplicate: ["ok", "Already here"],
  quarantined: ["warn", "Set aside"],
  refused: ["danger", "Not taken"],
  ignored: ["muted", "Not needed"],
};
const POLL_MS = 2000;
const AT_ONCE = 3;

loadTexts();
const form = need<HTMLFormElement>("#upload");
const drop = need("#drop");
const bar = need<HTMLProgressElement>("#bar");
const rows = need<HTMLTableSectionElement>("#answers tbody");
const listed = new Map<string, HTMLTableRowElement>();
let busy = false;
let polling = 0;

for (const element of document.querySelectorAll<HTMLElement>("[data-script]")) element.hidden = false;
for (const element of document.querySelectorAll<HTMLElement>("[data-plain]")) element.hidden = true;

drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  say(t("Reading the folder…"));
  if (event.dataTransfer) void fromDrop(event.dataTransfer).then(send);
});
for (const id of ["#files", "#folder"]) {
  const input = need<HTMLInputElement>(id);
  input.addEventListener("change", () => {
    const picked = fromInput(input.files);
    void send(picked).then(() => {
      input.value = "";
    });
  });
}
window.addEventListener("beforeunload", (event) => {
  if (busy) event.preventDefault();
});
void follow();

async function send(picked: Picked[]): Promise<void> {
  if (busy || picked.length === 0) return;
  busy = true;
  need("#progress").hidden = false;
  let done = 0;
  let bad = 0;
  const count = (): void => {
    bar.max = picked.length;
    bar.value = done;
    need("#bar-text").textContent = t("{done} / {total} files", { done, total: picked.length });
    if (done < picked.length) say(t("Sending…"));
  };
  count();
  try {
    const address = `/api/v1/referrals/${form.dataset.referral}/uploads`;
    const upload = await persist(() => api<Upload>("POST", address, { expected_files: picked.length }));
    await sendAll<Picked, Answer>({
      items: picked,
      atOnce: AT_ONCE,
      send: (item) => post(upload.id, item),
      passing: (error) => error instanceof Refused && error.passing,
      done: (_item, answer) => {
        done += 1;
        if (answer.verdict === "refused" || answer.verdict === "quarantined") bad += 1;
        show(answer);
        count();
      },
      failed: (item, error) => {
        done += 1;
        bad += 1;
        const text = error instanceof Refused ? error.problem.title : String(error);
        show({ id: item.name, name: item.name, verdict: "refused", text });
        count();
      },
      waiting: () => say(t("Waiting for the connection…")),
      sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)),
    });
    await persist(() => api<Upload>("POST", `/api/v1/uploads/${upload.id}/finish`));
    say(bad ? t("{count} files were not taken; see below", { count: bad }) : t("All files have been sent"));
    void unpacking(upload.id);
  } catch (error) {
    say(t("Not sent: {reason}", { reason: error instanceof Refused ? error.problem.title : String(error) }));
  } finally {
    busy = false;
    void follow();
  }
}

async function post(upload: string, item: Picked): Promise<Answer> {
  const address = `/api/v1/uploads/${upload}/files?name=${encodeURIComponent(item.name)}`;
  let response: Response;
  try {
    response = await fetch(address, { method: "POST", body: item.file, credentials: "same-origin" });
  } catch {
    throw new Refused(UNREACHABLE);
  }
  if (!response.ok) throw new Refused(await problemOf(response));
  return (await response.json()) as Answer;
}

/** Until every zip is unpacked, its members' answers come one by one. */
async function unpacking(id: string): Promise<void> {
  for (;;) {
    const upload = await persist(() => api<Upload>("GET", `/api/v1/uploads/${id}`));
    for (const answer of upload.files) show(answer);
    if (!upload.counts.waiting) return;
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}

function show(answer: Answer): void {
  const [kind, words] = KINDS[answer.verdict] ?? ["muted", answer.verdict];
  const row = make(
    "tr",
    {},
    make("td", { class: "file-name" }, answer.name),
    make("td", {}, make("span", { class: `status ${kind}` }, t(words)), ` ${answer.text}`),
  );
  const before = listed.get(answer.id);
  if (before) before.replaceWith(row);
  else rows.prepend(row);
  listed.set(answer.id, row);
  need("#answers").hidden = false;
  find("#no-answers")?.remove();
}

/** The state of the studies, drawn by the server, until nothing moves any more. */
async function follow(): Promise<void> {
  const mine = ++polling;
  const place = need("#studies");
  for (let still = 0; still < 5 && mine === polling; ) {
    const answer = await fetch(place.dataset.refresh ?? "", { credentials: "same-origin" }).catch(() => null);
    if (answer?.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const moving = page.querySelector("[data-busy=yes]") !== null || busy;
      if (!place.contains(document.activeElement)) place.replaceChildren(...page.body.childNodes);
      still = moving ? 0 : still + 1;
    }
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}

function say(text: string): void {
  need("#progress").hidden = false;
  need("#news").textContent = text;
}
