/** Small, typed ways to find and make elements. Text goes in as text, never as markup. */

type Attributes = Record<string, string | number | boolean | null | undefined>;

/** The element, or an error that names the selector: a page without it is a mistake of ours. */
export function need<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E {
  const found = within.querySelector<E>(selector);
  if (!found) throw new Error(`no element for ${selector}`);
  return found;
}

export function find<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E | null {
  return within.querySelector<E>(selector);
}

/** `make("button", {type: "button", "aria-pressed": false}, "Text", child)`; `true` sets an empty attribute, null and false none (aria-* and data-* keep "false"). */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

function setAttributes(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    const spoken = name.startsWith("aria-") || name.startsWith("data-");
    if (value === null || value === undefined || (value === false && !spoken)) continue;
    element.setAttribute(name, value === true && !spoken ? "" : String(value));
  }
}

/** The facts that the server put on the page: `<script type="application/json" id="…">`. */
export function island<T>(id: string): T {
  return JSON.parse(need(`#${id}`).textContent ?? "null") as T;
}

/** Run `act` once, `wait` ms after the last call. */
export function debounce<A extends unknown[]>(act: (...args: A) => void, wait: number): (...args: A) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...args), wait);
  };
}
