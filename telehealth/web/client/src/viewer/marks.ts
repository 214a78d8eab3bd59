/** The marks of the open studies: kept here, saved as they are made, tried again while the line is down. */

import { api, persist } from "../lib/http";
import { Refused } from "../lib/problem";
import type { Mark, MarkKind, Point } from "./facts";
import { preview, type Spacing } from "./measure";

export type Saving = "saved" | "saving" | "waiting" | "refused";
export type Place = { studyUid: string; series_uid: string; sop_uid: string; frame: number };
type Held = Mark & { studyUid: string };

const WAIT_MS = 400;

export class Marks {
  private readonly held = new Map<string, Held>();
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly running = new Set<string>();
  private readonly dirty = new Set<string>();
  /** Removed on the page, perhaps not yet on the server. */
  private readonly removed = new Set<string>();
  problem = "";

  constructor(
    private readonly me: { name: string },
    private readonly changed: () => void,
  ) {}

  get saving(): Saving {
    if (this.problem) return "refused";
    if (this.running.size === 0 && this.timers.size === 0) return "saved";
    return navigator.onLine ? "saving" : "waiting";
  }

  get all(): Held[] {
    return [...this.held.values()].filter((mark) => !this.removed.has(mark.mark_id));
  }

  on(sopUid: string, frame: number): Held[] {
    return this.all.filter((mark) => mark.sop_uid === sopUid && mark.frame === frame);
  }

  async load(studyUid: string): Promise<void> {
    const found = await api<{ marks: Mark[] }>("GET", `/api/v1/studies/${studyUid}/marks`);
    for (const mark of found.marks) {
      if (!this.isBusy(mark.mark_id)) this.held.set(mark.mark_id, { ...mark, studyUid });
    }
    this.changed();
  }

  add(place: Place, kind: MarkKind, points: Point[], spacing: Spacing | null): Held {
    const mark: Held = {
      ...place,
      mark_id: crypto.randomUUID(),
      version: 0,
      kind,
      points,
      label: "",
      measurements: preview(kind, points, spacing),
      author_name: this.me.name,
      mine: true,
      at: new Date().toISOString(),
    };
    this.held.set(mark.mark_id, mark);
    this.touch(mark.mark_id);
    return mark;
  }

  move(markId: string, points: Point[], spacing: Spacing | null): void {
    const mark = this.held.get(markId);
    if (!mark) return;
    this.held.set(markId, { ...mark, points, measurements: preview(mark.kind, points, spacing) });
    this.touch(markId);
  }

  name(markId: string, label: string): void {
    const mark = this.held.get(markId);
    if (!mark || mark.label === label) return;
    this.held.set(markId, { ...mark, label });
    this.touch(markId);
  }

  remove(markId: string): void {
    this.removed.add(markId);
    this.touch(markId);
  }

  private isBusy(markId: string): boolean {
    return this.timers.has(markId) || this.running.has(markId);
  }

  private touch(markId: string): void {
    clearTimeout(this.timers.get(markId));
    this.timers.set(
      markId,
      setTimeout(() => {
        this.timers.delete(markId);
        void this.save(markId);
      }, WAIT_MS),
    );
    this.changed();
  }

  /** One request per mark at a time, so that versions rise in order. */
  private async save(markId: string): Promise<void> {
    if (this.running.has(markId)) {
      this.dirty.add(markId);
      return;
    }
    this.running.add(markId);
    this.changed();
    try {
      await this.send(markId);
      this.problem = "";
    } catch (error) {
      await this.refused(markId, error);
    } finally {
      this.running.delete(markId);
      if (this.dirty.delete(markId)) void this.save(markId);
      this.changed();
    }
  }

  private async send(markId: string): Promise<void> {
    const mark = this.held.get(markId);
    if (!mark) return;
    const path = `/api/v1/studies/${mark.studyUid}/marks/${markId}`;
    if (this.removed.has(markId)) {
      if (mark.version > 0) await persist(() => api("DELETE", `${path}?expected_version=${mark.version}`));
      this.held.delete(markId);
      return;
    }
    const { series_uid, sop_uid, frame, kind, points, label } = mark;
    const body = { series_uid, sop_uid, frame, kind, points, label, expected_version: mark.version };
    this.take(await persist(() => api<Mark>("PUT", path, body)));
  }

  /** The server's answer: its numbers and version; points moved meanwhile stay ours. */
  private take(answer: Mark): void {
    const held = this.held.get(answer.mark_id);
    if (!held) return;
    const moved = this.timers.has(answer.mark_id) || this.dirty.has(answer.mark_id);
    this.held.set(answer.mark_id, moved ? { ...held, version: answer.version } : { ...held, ...answer });
  }

  /** Somebody else changed it first: show theirs, with the words typed here. Anything else stays with its reason. */
  private async refused(markId: string, error: unknown): Promise<void> {
    if (!(error instanceof Refused)) throw error;
    this.problem = error.problem.title;
    const held = this.held.get(markId);
    if (error.code !== "mark-changed" || !held) return;
    this.running.delete(markId);
    this.removed.delete(markId);
    this.held.delete(markId);
    await this.load(held.studyUid);
    if (held.label) this.name(markId, held.label); // typed words are dear, and every version stays in the history
  }
}
