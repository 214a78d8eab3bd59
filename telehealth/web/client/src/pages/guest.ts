/** The page behind a one-time link: its secret stands after the #, where no server and no log sees it. */
import { need } from "../lib/dom";
import { api } from "../lib/http";
import { loadTexts, t } from "../lib/i18n";
import { Refused } from "../lib/problem";

loadTexts();
const secret = location.hash.slice(1);
const take = need<HTMLButtonElement>("#take");

async function enter(): Promise<void> {
  take.disabled = true;
  try {
    await api("POST", "/api/v1/guests/enter", { secret });
    location.replace("/guests/visit");
  } catch (error) {
    take.disabled = false;
    const passing = error instanceof Refused && error.passing;
    need("#gone-text").textContent = passing ? error.problem.title : t("This invitation is not valid any more");
    need("#gone").hidden = false;
  }
}

take.addEventListener("click", () => void enter());
