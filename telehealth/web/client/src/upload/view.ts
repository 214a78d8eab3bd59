/** The rows of the upload page: one a series, each with the truth about its files. */
import { make } from "../lib/dom";
import { number, t } from "../lib/i18n";
import type { Row } from "./plan";

type Drawn = { row: HTMLLIElement; bar: HTMLProgressElement; count: HTMLElement; status: HTMLElement };

export class SeriesList {
  private readonly drawn = new Map<string, Drawn>();

  constructor(private readonly place: HTMLElement) {
    place.replaceChildren();
  }

  /** paused or offline: what is not here waits, and the row says so. */
  draw(rows: readonly Row[], waits: boolean): void {
    rows.forEach((row, at) => {
      const parts = this.drawn.get(row.key) ?? this.make(row);
      const [kind, words] = stateOf(row, waits);
      parts.bar.max = row.bytes || 1;
      parts.bar.value = Math.min(row.bytesHere, row.bytes);
      parts.count.textContent = t("{here} of {total} files · {done} of {all} MB", {
        here: row.here,
        total: row.announced,
        done: number(row.bytesHere / 1e6),
        all: number(row.bytes / 1e6),
      });
      parts.status.className = `status ${kind}`;
      parts.status.textContent = words;
      const there = this.place.children[at] ?? null;
      if (there !== parts.row) this.place.insertBefore(parts.row, there);
    });
  }

  private make(row: Row): Drawn {
    const name = nameOf(row);
    const bar = make("progress", { "aria-label": name, value: 0, max: 1 });
    const count = make("span", { class: "series-count" });
    const status = make("span", { class: "status muted" });
    const title = make("span", { class: "series-name" }, name);
    const line = make("li", { class: "series-row", "data-series": row.key }, title, status, bar, count);
    const drawn = { row: line, bar, count, status };
    this.drawn.set(row.key, drawn);
    return drawn;
  }
}

function nameOf(row: Row): string {
  if (!row.key) return t("Other files");
  return [row.modality, row.description].filter(Boolean).join(" · ") || t("Series without a name");
}

function stateOf(row: Row, waits: boolean): [string, string] {
  if (row.here + row.refused >= row.announced) {
    return row.refused ? ["warn", t("{count} not taken", { count: row.refused })] : ["ok", t("All here")];
  }
  if (waits || !row.sending) return ["muted", t("Waits")];
  return ["info", t("Being sent")];
}
