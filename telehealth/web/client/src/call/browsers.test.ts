import { expect, it } from "vitest";
import { browserOf, insideApp } from "./browsers";

const ZALO =
  "Mozilla/5.0 (Linux; Android 13; SM-A145F) AppleWebKit/537.36 Chrome/120 Mobile Safari/537.36 Zalo android/24050720";
const MESSENGER =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/MessengerForiOS;FBAV/440]";
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1";
const PHONE = "Mozilla/5.0 (Linux; Android 13; SM-A145F) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36";

it("knows the browsers inside other apps, and leaves the real ones alone", () => {
  expect([ZALO, MESSENGER, IPHONE, PHONE].map(insideApp)).toEqual(["Zalo", "Messenger", "", ""]);
});

it("tells browsers apart by how they are told to allow the camera", () => {
  expect([IPHONE, PHONE, "Mozilla/5.0 (X11) Gecko/20100101 Firefox/128.0"].map(browserOf)).toEqual([
    "safari_phone",
    "chrome_phone",
    "firefox",
  ]);
});
