/** Which browser this is, as far as people must be told something else. Pure. */

export type Browser = "chrome_phone" | "chrome" | "safari_phone" | "safari" | "firefox" | "other";

/** The browser inside another app, which gets no camera (or asks for none): its name, else "". */
export function insideApp(agent: string): string {
  if (/Zalo/i.test(agent)) return "Zalo";
  if (/MessengerForiOS|Orca-Android|MESSENGER/.test(agent)) return "Messenger";
  if (/FBAN|FBAV|FB_IAB/.test(agent)) return "Facebook";
  if (/Instagram/.test(agent)) return "Instagram";
  if (/TikTok|musical_ly|BytedanceWebview/.test(agent)) return "TikTok";
  return "";
}

export function browserOf(agent: string): Browser {
  if (/Firefox|FxiOS/.test(agent)) return "firefox";
  if (/iPhone|iPad/.test(agent)) return "safari_phone"; // every browser of iOS asks as Safari does
  if (/Android/.test(agent) && /Chrome/.test(agent)) return "chrome_phone";
  if (/Chrome|Edg/.test(agent)) return "chrome";
  return /Safari/.test(agent) ? "safari" : "other";
}

/** How to allow camera and microphone after having refused them (keys of the page's texts). */
export const ALLOW: Record<Browser, string> = {
  chrome_phone:
    "Press the sign left of the address, then “Permissions”, switch camera and microphone on, and load the page again.",
  chrome: "Press the sign left of the address, allow camera and microphone, and load the page again.",
  safari_phone:
    "Press “aA” left of the address, then “Website Settings”, allow camera and microphone, and load the page again.",
  safari:
    "In the menu Safari choose “Settings for This Website”, allow camera and microphone, and load the page again.",
  firefox: "Press the crossed-out camera beside the address, remove the block, and load the page again.",
  other: "Look in the browser's settings for camera and microphone, allow this page, and load it again.",
};
