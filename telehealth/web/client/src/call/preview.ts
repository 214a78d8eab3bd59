/** The page's part before the call: line check, loudspeaker, other browsers, the link to open elsewhere. */

import { need } from "../lib/dom";
import { api } from "../lib/http";
import { number, t } from "../lib/i18n";
import { ALLOW, browserOf, insideApp } from "./browsers";
import { checkLine, checkRelays, playTone, type Relay } from "./precheck";
import { type Found, lightOf, WORDS } from "./verdict";

/** own: the stream at this moment. */
export function prepare(address: string, own: () => MediaStream): void {
  need("#tone").addEventListener("click", playTone);
  const press = need<HTMLButtonElement>("#check-line");
  press.addEventListener("click", () => {
    press.disabled = true;
    void check(`${address}/line-check`, own()).finally(() => {
      press.disabled = false;
    });
  });
  offerOtherBrowser();
}

async function check(address: string, own: MediaStream): Promise<void> {
  const light = need("#line-light");
  light.hidden = false;
  light.dataset.light = "busy";
  need("#line-verdict").textContent = t("Measuring, about ten seconds…");
  need("#line-figures").textContent = "";
  const servers = await api<{ ice_servers: RTCIceServer[] }>("GET", address).catch(() => ({ ice_servers: [] }));
  const [line, relays] = await Promise.all([
    checkLine(address, servers.ice_servers, own).catch(() => null),
    checkRelays(servers.ice_servers),
  ]);
  if (line) show(line, relays);
  else say("fair", "The line cannot be measured just now; the visit itself may work all the same.");
}

function show(line: Found, relays: Relay[]): void {
  const light = lightOf(line);
  say(light, WORDS[light]);
  if (light === "none") return;
  const facts = [
    t("up {up}, down {down} Mbit/s", { up: number(line.up_kbps / 1000), down: number(line.down_kbps / 1000) }),
    t("round trip {ms} ms", { ms: line.rtt_ms }),
    t("lost {share} %", { share: number(line.lost * 100) }),
    ...relays.map(({ name, reached }) => `${name}: ${t(reached ? "relay reached" : "relay not reached")}`),
  ];
  need("#line-figures").textContent = facts.join(" · ");
}

function say(light: string, words: string): void {
  need("#line-light").dataset.light = light;
  need("#line-verdict").textContent = t(words);
}

/** Zalo, Messenger and their like show pages without a camera: the real browser is one press away. */
function offerOtherBrowser(): void {
  const app = insideApp(navigator.userAgent);
  const card = need("#other-browser");
  card.hidden = app === "";
  if (!app) return;
  need("#other-browser-text").textContent = t(
    "{app} gives this page no camera. Open it in your phone's browser: copy this link, or use the menu with three dots.",
    { app },
  );
  const link = need<HTMLInputElement>("#short-link");
  need("#copy-link").addEventListener("click", () => {
    link.select();
    void navigator.clipboard?.writeText(link.value).catch(() => undefined);
    need("#copy-link").textContent = t("Copied");
  });
}

/** The steps for this browser, after camera or microphone were refused. */
export function allowSteps(): string {
  return t(ALLOW[browserOf(navigator.userAgent)]);
}
