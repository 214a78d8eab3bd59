/**
 * Texts in the reader's language. The server translates; the page carries what its script says:
 * `<script type="application/json" id="texts">{"Saved": "Đã lưu"}</script>`. English sentences are the keys.
 */

let texts: Record<string, string> = {};

/** Take the texts of an island; called once by a page's entry. A page without one speaks English. */
export function loadTexts(id = "texts"): void {
  const found = document.getElementById(id);
  texts = found ? (JSON.parse(found.textContent ?? "{}") as Record<string, string>) : {};
}

export function setTexts(of: Record<string, string>): void {
  texts = of;
}

/** The sentence in the reader's language; `{name}` is filled from facts. */
export function t(sentence: string, facts: Record<string, string | number> = {}): string {
  const translated = texts[sentence] ?? sentence;
  return translated.replace(/\{(\w+)\}/g, (whole, name: string) => String(facts[name] ?? whole));
}

/** A number as people here write it: 12,5 in Vietnamese. */
export function number(value: number, digits = 1): string {
  const language = globalThis.document?.documentElement.lang || "vi";
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(
    value,
  );
}
