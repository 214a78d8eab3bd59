/** The upload page: takes folders, files, zips and photos, asks what is here already, sends the rest over any line. */
import "../upload/upload.css";
import { find, island, make, need } from "../lib/dom";
import { api } from "../lib/http";
import { loadTexts, number, t } from "../lib/i18n";
import { Refused } from "../lib/problem";
import { type Answer, offsetOf, send } from "../upload/line";
import * as memory from "../upload/memory";
import { fromDrop, fromHandles, fromInput, handlesOf, isBesides, type Picked } from "../upload/pick";
import { bytesHere, type Item, inOrder, rows, type Truth } from "../upload/plan";
import { Lost, Reader } from "../upload/reader";
import { passing, Sender, waitAfter } from "../upload/sender";
import { SeriesList } from "../upload/view";

type Known = {
  sha256: string;
  state: "here" | "partly" | "wanted" | "answered";
  offset: number;
  url: string;
  verdict: string;
  text: string;
};
type Manifest = { files: Known[]; series: Truth[] };
type FileAnswer = { id: string; name: string; verdict: string; text: string };
type Upload = { id: string; counts: Record<string, number>; files: FileAnswer[] };

const KINDS: Record<string, [string, string]> = {
  waiting: ["info", "Being unpacked"],
  unpacked: ["ok", "Unpacked"],
  stored: ["ok", "Received"],
  duplicate: ["ok", "Already here"],
  quarantined: ["warn", "Set aside"],
  refused: ["danger", "Not taken"],
  ignored: ["muted", "Not needed"],
};
const TAKEN = new Set(["stored", "duplicate", "waiting", "unpacked", "ignored"]);
const POLL_MS = 2000;
const AT_ONCE = 3;
const LOOKS_AT_ONCE = 8;
const ASKED_AT_ONCE = 40;
const WORTH_PACKING = 0.95;
const MOST_PACKED_BYTES = 64e6;

loadTexts();
const form = need<HTMLFormElement>("#upload");
const referral = form.dataset.referral ?? "";
const drop = need("#drop");
const bar = need<HTMLProgressElement>("#bar");
const pause = need<HTMLButtonElement>("#pause");
const answers = need<HTMLTableSectionElement>("#answers tbody");
const listed = new Map<string, HTMLTableRowElement>();
const list = new SeriesList(need("#series"));
const items: Item[] = [];
const asked: { sleep: (ms: number) => Promise<void> } = { sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)) };
let truths = island<Truth[]>("series-facts");
let reader: Reader | null = null;
let upload: Upload | null = null;
let preparing = 0;
let offline = false;
let polling = 0;
let drawing = 0;

const sender = new Sender<Item, Answer>({
  atOnce: AT_ONCE,
  sleep: asked.sleep,
  send: sendOne,
  done: (item, answer) => settle(item, answer.verdict, answer.text),
  failed: (item, error) =>
    settle(item, "refused", error instanceof Refused ? error.problem.title : t("The file can no longer be read")),
  offline: (is) => {
    offline = is;
    draw();
  },
});

form.classList.add("scripted");
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
  if (!event.dataTransfer) return;
  say(t("Reading the folder…"));
  const handles = handlesOf(event.dataTransfer);
  void fromDrop(event.dataTransfer).then(take);
  void handles.then((found) => (found.length ? memory.rememberFolders(referral, found) : undefined));
});
for (const input of form.querySelectorAll<HTMLInputElement>("input[type=file]")) {
  input.addEventListener("change", () => {
    void take(fromInput(input.files));
    input.value = "";
  });
}
pause.addEventListener("click", () => {
  if (sender.paused) sender.resume();
  else sender.pause();
  draw();
});
window.addEventListener("online", () => sender.wake());
window.addEventListener("beforeunload", (event) => {
  if (isBusy()) event.preventDefault();
});
draw();
void offerToGoOn();
void follow();

function theReader(): Reader {
  reader ??= new Reader();
  return reader;
}

function isBusy(): boolean {
  return (
    preparing > 0 ||
    items.some((item) => item.state === "waiting" || item.state === "sending" || item.state === "reading")
  );
}

/** Look at the headers of all, then, in the order of sending, compute digests, ask what is here, and send. */
async function take(chosen: Picked[]): Promise<void> {
  const picked = await uprighted(chosen);
  const fresh = picked.filter(({ file, name }) => !items.some((item) => same(item, file, name))).map(itemOf);
  if (fresh.length === 0) return;
  preparing += 1;
  items.push(...fresh);
  for (const item of fresh) if (item.state === "skipped") show(item.name, item.name, "ignored", "");
  const wanted = fresh.filter((item) => item.state === "reading");
  try {
    const with_ = theReader();
    await look(wanted, with_);
    const ordered = inOrder(wanted);
    upload ??= await lasting(() => api<Upload>("POST", `/api/v1/referrals/${referral}/uploads`, {}));
    for (let at = 0; at < ordered.length; at += ASKED_AT_ONCE) {
      await ask(ordered.slice(at, at + ASKED_AT_ONCE), with_, upload.id);
    }
  } catch (error) {
    for (const item of wanted) if (item.state === "reading") item.state = "lost";
    say(t("Not sent: {reason}", { reason: error instanceof Refused ? error.problem.title : String(error) }));
  } finally {
    preparing -= 1;
    void finished();
  }
}

function same(item: Item, file: File, name: string): boolean {
  return (
    item.state !== "lost" &&
    item.name === name &&
    item.file.size === file.size &&
    item.file.lastModified === file.lastModified
  );
}

function itemOf({ file, name }: Picked): Item {
  const state = isBesides(name) ? "skipped" : "reading";
  return {
    file,
    name,
    header: null,
    sha256: "",
    length: file.size,
    state,
    url: "",
    sent: 0,
    before: false,
    verdict: "",
    text: "",
  };
}

/** Photographs chosen by themselves are turned the right way up; the originals stay where they are. */
async function uprighted(picked: Picked[]): Promise<Picked[]> {
  return Promise.all(
    picked.map(async ({ file, name }) => {
      if (!file.type.startsWith("image/") || name.includes("/")) return { file, name };
      const photo = await theReader().upright(file);
      return { file: photo ? new File([photo], name, { lastModified: file.lastModified }) : file, name };
    }),
  );
}

async function look(wanted: readonly Item[], with_: Reader): Promise<void> {
  for (let at = 0; at < wanted.length; at += LOOKS_AT_ONCE) {
    const some = wanted.slice(at, at + LOOKS_AT_ONCE);
    await Promise.all(
      some.map(async (item) => {
        item.header = await with_.header(item.file);
      }),
    );
    say(
      t("Looking at file {done} of {total}…", {
        done: Math.min(at + LOOKS_AT_ONCE, wanted.length),
        total: wanted.length,
      }),
    );
  }
}

async function ask(some: readonly Item[], with_: Reader, id: string): Promise<void> {
  const readable: Item[] = [];
  for (const item of some) {
    try {
      const computed = (await memory.computedOf(item.file, item.name)) ?? (await compute(item, with_));
      void memory.remember(item.file, item.name, computed);
      Object.assign(item, computed);
      readable.push(item);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      settle(item, "lost", t("The file can no longer be read"));
    }
  }
  if (readable.length === 0) return;
  const files = readable.map(described);
  const told = await lasting(() => api<Manifest>("POST", `/api/v1/uploads/${id}/manifest`, { files, series: false }));
  readable.forEach((item, at) => {
    const known = told.files[at];
    if (known) begin(item, known);
  });
  draw();
  sender.add(readable.filter((item) => item.state === "waiting"));
}

/** Digest, and length on the wire: packed where the pixels lie plain, which halves a CT. */
async function compute(item: Item, with_: Reader): Promise<memory.Computed> {
  const sha256 = await with_.digest(item.file);
  const packable = item.header?.plain && item.file.size <= MOST_PACKED_BYTES && "CompressionStream" in window;
  const length = packable ? (await with_.packed(item.file)).size : item.file.size;
  return { sha256, length: length < WORTH_PACKING * item.file.size ? length : item.file.size };
}

function described(item: Item): Record<string, unknown> {
  const head = item.header;
  const encoding = item.length === item.file.size ? "" : "gzip";
  const file = { name: item.name, sha256: item.sha256, size: item.file.size, encoding, length: item.length };
  if (!head) return file;
  const uids = { study_uid: head.studyUid, series_uid: head.seriesUid, sop_uid: head.sopUid };
  return { ...file, ...uids, modality: head.modality, description: head.description, series_number: head.seriesNumber };
}

function begin(item: Item, known: Known): void {
  item.url = known.url;
  item.sent = known.offset;
  if (known.state === "wanted" || known.state === "partly") {
    item.state = "waiting";
    return;
  }
  item.before = known.state === "here";
  settle(item, known.verdict, known.text);
}

/** From where the server says; the first time that is known already. */
async function sendOne(item: Item, signal: AbortSignal): Promise<Answer> {
  try {
    if (item.state === "sending") item.sent = await offsetOf(item.url, signal);
    item.state = "sending";
    draw();
    const progress = (sent: number): void => {
      item.sent = sent;
      draw();
    };
    const body = item.length === item.file.size ? item.file : await theReader().packed(item.file);
    return await send(item.url, body, item.sent, progress, signal);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      sender.pause();
      say(t("Your session has ended. Sign in again in another tab, then go on."));
    }
    throw error;
  }
}

function settle(item: Item, verdict: string, text: string): void {
  item.verdict = verdict;
  item.text = text;
  item.state = verdict === "lost" ? "lost" : TAKEN.has(verdict) ? "here" : "refused";
  if (item.state === "here") item.sent = item.length;
  if (verdict !== "stored" && !item.before) show(item.name, item.name, verdict === "lost" ? "refused" : verdict, text);
  draw();
  void finished();
}

/** Everything that could be sent is there: say so, and let the studies be looked at. */
async function finished(): Promise<void> {
  if (isBusy() || !upload) return;
  const { id } = upload;
  upload = null;
  const mine = items.filter((item) => item.state !== "skipped");
  const bad = mine.filter((item) => item.state !== "here").length;
  const before = mine.filter((item) => item.before).length;
  draw();
  if (bad) say(t("{count} files were not taken; see below", { count: bad }));
  else if (before === mine.length) say(t("Already here: 0 of {total} files sent", { total: mine.length }));
  else say(t("All {total} files are here; {before} were here before", { total: mine.length, before }));
  await lasting(() => api<Upload>("POST", `/api/v1/uploads/${id}/finish`)).catch(() => undefined);
  if (!bad) await memory.forget(referral);
  void unpacking(id);
  void follow();
}

/** Again and again until the line is back; a refusal with a reason is thrown. */
async function lasting<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (!passing(error)) throw error;
      say(t("Waiting for the connection…"));
      await asked.sleep(waitAfter(tries));
    }
  }
}

/** At most once a frame: progress comes in thousands. */
function draw(): void {
  if (!drawing) drawing = requestAnimationFrame(redraw);
}

function redraw(): void {
  drawing = 0;
  const all = rows(truths, items);
  list.draw(all, offline || sender.paused);
  need("#series-card").hidden = all.length === 0;
  pause.hidden = !isBusy();
  need("#pause-words").textContent = sender.paused ? t("Go on") : t("Pause");
  const mine = items.filter((item) => item.state !== "skipped");
  if (mine.length === 0) return;
  const here = mine.filter((item) => item.state === "here").length;
  const bytes = mine.reduce((sum, item) => sum + item.file.size, 0);
  const sent = mine.reduce((sum, item) => sum + bytesHere(item), 0);
  need("#progress").hidden = false;
  bar.max = bytes || 1;
  bar.value = sent;
  const facts = { here, total: mine.length, done: number(sent / 1e6), all: number(bytes / 1e6) };
  need("#bar-text").textContent = t("{here} of {total} files · {done} of {all} MB", facts);
  if (sender.paused) say(t("Paused. What has arrived stays there."));
  else if (offline && isBusy()) say(t("No connection. What has arrived stays there; it goes on by itself."));
  else if (sender.busy) say(t("Sending…"));
}

/** A folder that was dropped before the page was left can be opened again where the browser allows it. */
async function offerToGoOn(): Promise<void> {
  const unfinished = truths.some((truth) => truth.here + truth.refused < truth.announced);
  const handles = await memory.foldersOf(referral);
  if (!unfinished || items.length > 0) return;
  const place = need("#go-on");
  place.hidden = false;
  const button = find<HTMLButtonElement>("button", place);
  if (!button) return;
  button.hidden = handles.length === 0;
  button.addEventListener("click", () => {
    void fromHandles(handles).then((picked) => {
      if (picked.length === 0) return;
      place.hidden = true;
      void take(picked);
    });
  });
}

/** Until every zip is unpacked, its members' answers come one by one. */
async function unpacking(id: string): Promise<void> {
  if (!items.some((item) => item.verdict === "waiting")) return;
  for (;;) {
    const now = await lasting(() => api<Upload>("GET", `/api/v1/uploads/${id}`));
    for (const answer of now.files) show(answer.name, answer.name, answer.verdict, answer.text);
    if (!now.counts.waiting) return;
    await asked.sleep(POLL_MS);
  }
}

function show(key: string, name: string, verdict: string, text: string): void {
  const [kind, words] = KINDS[verdict] ?? ["muted", verdict];
  const row = make(
    "tr",
    {},
    make("td", { class: "file-name" }, name),
    make("td", {}, make("span", { class: `status ${kind}` }, t(words)), ` ${text}`),
  );
  const before = listed.get(key);
  if (before) before.replaceWith(row);
  else answers.prepend(row);
  listed.set(key, row);
  need("#answers").hidden = false;
  find("#no-answers")?.remove();
}

/** What the server knows: the state of the studies, and series that another computer is sending. */
async function follow(): Promise<void> {
  const mine = ++polling;
  const place = need("#studies");
  for (let still = 0; still < 5 && mine === polling; ) {
    const answer = await fetch(place.dataset.refresh ?? "", { credentials: "same-origin" }).catch(() => null);
    if (answer?.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const moving = page.querySelector("[data-busy=yes]") !== null || isBusy() || (await elsewhere());
      if (!place.contains(document.activeElement)) place.replaceChildren(...page.body.childNodes);
      still = moving ? 0 : still + 1;
    }
    await asked.sleep(POLL_MS);
  }
}

/** Whether somebody else is sending for this question. */
async function elsewhere(): Promise<boolean> {
  const now = await api<Truth[]>("GET", `/api/v1/referrals/${referral}/series`).catch(() => truths);
  const moved = JSON.stringify(now) !== JSON.stringify(truths);
  truths = now;
  draw();
  return moved;
}

function say(text: string): void {
  need("#progress").hidden = false;
  const news = need("#news");
  if (news.textContent !== text) news.textContent = text;
}
