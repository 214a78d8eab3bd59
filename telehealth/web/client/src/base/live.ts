/** A part of a page that follows the server: it is drawn anew whenever the stream says that something has changed. */

export function followLive(root: Document): void {
  for (const place of root.querySelectorAll<HTMLElement>("[data-live]")) follow(place);
}

function follow(place: HTMLElement): void {
  const stream = new EventSource(place.dataset.live ?? "");
  let asking = false;
  let again = false;
  const draw = async (): Promise<void> => {
    if (asking) {
      again = true;
      return;
    }
    asking = true;
    await redraw(place);
    asking = false;
    if (again) {
      again = false;
      void draw();
    }
  };
  stream.addEventListener("changed", () => void draw());
  window.addEventListener("pagehide", () => stream.close());
}

/** What somebody is writing in or about to press is left alone. */
async function redraw(place: HTMLElement): Promise<void> {
  if (place.contains(document.activeElement)) return;
  const answer = await fetch(place.dataset.refresh ?? "", { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!place.contains(document.activeElement)) place.replaceChildren(...page.body.childNodes);
}
