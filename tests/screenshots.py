"""Pictures of every page of a running demo, for eyes: `python -m tests.screenshots http://localhost:8000 var OUT`.

The README's pictures come from here.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx2
from playwright.async_api import Browser, async_playwright

VISITOR_PAGES = [("home", "/"), ("sign-in", "/sign-in"), ("specialists", "/specialists")]
SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--use-angle=swiftshader",
         "--enable-unsafe-swiftshader", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # fmt: skip


async def sign_in(base: str, person: dict[str, Any]) -> str:
    """The secret of a fresh session: a code from the message page, or password and second factor."""
    async with httpx2.AsyncClient(base_url=base, headers={"Accept": "application/json"}) as client:
        if not person["password"]:
            await client.post("/api/v1/sign-in/code", json={"phone": person["login"]})
            for _ in range(20):
                messages = (await client.get("/demo/messages")).json()["messages"]
                codes = [m["code"] for m in messages if m.get("code") and m["address"] == person["login"]]
                if codes:
                    break
                await asyncio.sleep(0.5)
            answer = await client.post("/api/v1/sign-in/phone", json={"phone": person["login"], "code": codes[0]})
        else:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "telehealth.cli", "otp", "--user", person["login"], stdout=asyncio.subprocess.PIPE
            )
            otp = (await process.communicate())[0].decode().strip()
            body = {"email": person["login"], "password": person["password"], "otp": otp}
            answer = await client.post("/api/v1/sign-in/password", json=body)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


async def pages_of(base: str, role: str, token: str) -> list[tuple[str, str]]:
    """(name, path) of the pages that a role has in the demo."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=base, headers=headers) as client:
        found = {
            "patient": [
                ("home", "/"),
                ("specialists", "/specialists"),
                ("visits", "/visits"),
                ("access-log", "/access-log"),
                ("account", "/account"),
            ],
            "technician": [("clinic", "/clinic"), ("unfiled", "/clinic/unfiled")],
            "referring_doctor": [("clinic", "/clinic"), ("new-referral", "/clinic/referrals/new")],
            "specialist": [("worklist", "/worklist"), ("calendar", "/calendar")],
            "coordinator": [("operations", "/operations")],
            "administrator": [("people", "/people")],
            "auditor": [("audit", "/audit")],
        }[role]  # fmt: skip
        if role in ("patient", "specialist"):
            for appointment in _items((await client.get("/api/v1/appointments")).json())[:1]:
                found.append(("call", f"/visits/{appointment['id']}/call"))
                if role == "patient":
                    found.append(("visit", f"/visits/{appointment['id']}"))
        if role == "patient":
            practitioners = _items((await client.get("/api/v1/practitioners")).json())
            found.append(("times", f"/specialists/{practitioners[0]['id']}"))
        if role in ("referring_doctor", "specialist"):
            for referral in _items((await client.get("/api/v1/referrals")).json())[:3]:
                if role == "referring_doctor":
                    found.append((f"referral-{referral['status']}", f"/clinic/referrals/{referral['id']}"))
                    found.append((f"upload-{referral['status']}", f"/clinic/referrals/{referral['id']}/upload"))
                else:
                    found.append((f"reading-{referral['status']}", f"/reading/{referral['id']}"))
        return found


def _items(answer: Any) -> list[dict[str, Any]]:
    return answer if isinstance(answer, list) else answer.get("items", [])


async def take(browser: Browser, base: str, token: str, role: str, pages: list[tuple[str, str]], folder: Path) -> None:
    for size, (width, height) in SIZES.items():
        context = await browser.new_context(viewport={"width": width, "height": height}, locale="vi-VN")
        if token:
            await context.add_cookies([{"name": "telehealth-session", "value": token, "url": base}])
        page = await context.new_page()
        page.on("console", lambda m: print(f"  {role} {m.type}: {m.text}") if m.type == "error" else None)  # noqa: T201
        for name, path in pages:
            answer = await page.goto(base + path)
            await page.wait_for_timeout(4000 if name.startswith(("reading", "call")) else 400)
            status = answer.status if answer else 0
            await page.screenshot(path=folder / f"{role}-{name}-{size}.png", full_page=not name.startswith(("reading", "call")))
            print(role, name, size, path, status)  # noqa: T201
        await context.close()


async def main(base: str, data: str, out: str) -> None:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    people = json.loads((Path(data) / "demo-sign-ins.json").read_text())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        await take(
            browser, base, "", "visitor", [("home", "/"), ("sign-in", "/sign-in"), ("specialists", "/specialists")], folder
        )
        seen: set[str] = set()
        for person in people:
            if person["role"] in seen:
                continue
            seen.add(person["role"])
            token = await sign_in(base, person)
            await take(browser, base, token, person["role"], await pages_of(base, person["role"], token), folder)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
