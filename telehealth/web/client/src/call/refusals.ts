/** What the room did not do, in words: each reason has its sentence, said for a while above everything else. */

import { need } from "../lib/dom";
import { t } from "../lib/i18n";
import type { Reason } from "./messages";

const STAYS_MS = 9000;

export const REFUSALS: Record<Reason, string> = {
  not_admitted: "This works only once you have been let in.",
  not_host: "Only whoever leads the visit can do this.",
  nobody_there: "That person is not there any more.",
  full: "The room is full: ask somebody to leave first. Those who wait keep their place.",
  screen_taken: "Somebody else is sharing a screen. Wait until they stop.",
  no_engine: "Group calls are not available just now.",
  engine_busy: "Picture and sound could not be passed on. Please try again in a moment.",
};

let timer: ReturnType<typeof setTimeout> | undefined;

export function explain(reason: Reason): void {
  tell(t(REFUSALS[reason]));
}

/** Over dialogs too, where the browser has a top layer for it. */
export function tell(words: string): void {
  const place = need("#told");
  clearTimeout(timer);
  place.textContent = words;
  place.hidden = false;
  place.showPopover?.();
  timer = setTimeout(() => {
    place.hidePopover?.();
    place.hidden = true;
  }, STAYS_MS);
}
