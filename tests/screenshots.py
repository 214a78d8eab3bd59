"""Pictures of every page of a running demo, for eyes: `python -m tests.screenshots http://localhost:8000 var OUT [dark]`.

Before the pictures the demo lives through a little story, so that no page is shown empty: a visit that is open now, an
answer that was signed, one that was acknowledged, images of the wrong patient, images without a question. The README's
pictures come from here: `… OUT readme`.
"""

import asyncio
import json
import math
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
from PIL import Image, ImageDraw
from playwright.async_api import Browser, BrowserContext, async_playwright

from imaging.dicom import synthetic

SIZES = {"phone": (360, 740), "desktop": (1280, 800)}
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--use-angle=swiftshader",
         "--enable-unsafe-swiftshader", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # fmt: skip
TEXT = {
    "findings": "Nốt mờ đơn độc thuỳ trên phổi phải, đường kính 18 mm, bờ tua gai. Không thấy hạch trung thất.",
    "impression": "Nốt phổi nghi ngờ ác tính (Lung-RADS 4B).",
    "recommendation": "Chuyển tuyến tỉnh để sinh thiết trong hai tuần.",
    "critical": False,
}
BOUNDARY = "tRanh"
SLICE = 14


@dataclass
class Demo:
    """A running demo: where it is, who lives in it, and what its story made."""

    base: str
    data: str
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def client(self, role: str) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.base, headers={"Authorization": f"Bearer {self.tokens[role]}"}, timeout=60)

    async def sign_everybody_in(self) -> None:
        for person in json.loads((Path(self.data) / "demo-sign-ins.json").read_text()):
            if person["role"] not in self.people:
                self.people[person["role"]] = person
                self.tokens[person["role"]] = await self._sign_in(person)

    async def _sign_in(self, person: dict[str, Any]) -> str:
        """The secret of a fresh session: a code from the message page, or password and second factor."""
        async with httpx2.AsyncClient(base_url=self.base, headers={"Accept": "application/json"}) as client:
            if person["password"]:
                body = {"email": person["login"], "password": person["password"], "otp": await self.otp(person)}
                answer = await client.post("/api/v1/sign-in/password", json=body)
            else:
                before = await self._messages(client)
                await client.post("/api/v1/sign-in/code", json={"phone": person["login"]})
                code = await self._code(client, person["login"], before)
                answer = await client.post("/api/v1/sign-in/phone", json={"phone": person["login"], "code": code})
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    async def _messages(self, client: httpx2.AsyncClient) -> dict[str, dict[str, Any]]:
        return {message["id"]: message for message in (await client.get("/demo/messages")).json()["messages"]}

    async def _code(self, client: httpx2.AsyncClient, phone: str, before: dict[str, dict[str, Any]]) -> str:
        """The code of a message that was not there before."""
        for _ in range(120):
            for number, message in (await self._messages(client)).items():
                if number not in before and message["code"] and message["address"] == phone:
                    return str(message["code"])
            await asyncio.sleep(0.5)
        raise SystemExit("no code came")

    async def otp(self, person: dict[str, Any]) -> str:
        """A second-factor code that was not used before; a new one may take half a minute to become due."""
        async with httpx2.AsyncClient(base_url=self.base, headers={"Accept": "application/json"}, timeout=60) as client:
            people = (await client.get("/demo/messages")).json()["sign_ins"]
        return next(str(one["otp"]) for one in people if one["login"] == person["login"])

    # --- the story ------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """Everything that the pages should have to show. Safe to run on a demo that has its story already."""
        await self._visit_now()
        async with self.client("referring_doctor") as doctor, self.client("specialist") as reader:
            known = (await doctor.get("/api/v1/referrals")).json()
            by_status = {one["status"]: one["id"] for one in known}
            self.made |= {f"{status}_question": found for status, found in by_status.items()}
            waiting = [one["id"] for one in known if one["status"] == "submitted"]
            if "acknowledged" not in by_status and len(waiting) > 1:
                self.made["acknowledged_question"] = await self._answer(reader, waiting[0])
                body = {"decision": "transfer", "note": "Đã hẹn bệnh viện tỉnh thứ Năm."}
                (await doctor.post(f"/api/v1/referrals/{waiting[0]}/acknowledge", json=body)).raise_for_status()
                await self._claim(reader, waiting[-1])
                await self._mark(reader, waiting[-1])
            if "draft" not in by_status:
                await self._wrong_patient(doctor, known[0])

    async def _visit_now(self) -> None:
        """The patient has a visit that is open now, and one next week."""
        async with self.client("patient") as patient:
            visits = (await patient.get("/api/v1/appointments")).json()
            if not visits:
                whom = (await patient.get("/api/v1/patients/own")).json()[0]["id"]
                doctor = next(p for p in (await patient.get("/api/v1/practitioners")).json() if p["specialty"] == "radiology")
                free = (await patient.get(f"/api/v1/practitioners/{doctor['id']}/free-times")).json()
                times = [slot["start"] for day in free["days"] for slot in day["times"]]
                for start in (times[0], next(t for t in times if _days_until(t) > 4)):
                    body = {"practitioner_id": doctor["id"], "patient_id": whom, "start": start, "consent": True}
                    body["reason"] = "Ho kéo dài hai tháng"
                    (await patient.post("/api/v1/appointments", json=body)).raise_for_status()
                visits = (await patient.get("/api/v1/appointments")).json()
            self.made |= {"visit": visits[0]["id"], "later_visit": visits[-1]["id"], "practitioner": visits[0]["practitioner_id"]}
            free = (await patient.get(f"/api/v1/practitioners/{self.made['practitioner']}/free-times")).json()
            self.made["start"] = next(slot["start"] for day in free["days"] for slot in day["times"]).replace("+", "%2B")

    async def _claim(self, reader: httpx2.AsyncClient, question: str) -> None:
        (await reader.post(f"/api/v1/referrals/{question}/claim")).raise_for_status()
        self.made["assigned_question"] = question

    async def _mark(self, reader: httpx2.AsyncClient, question: str) -> None:
        """A length on the slice that the pictures show."""
        study = (await reader.get(f"/api/v1/referrals/{question}")).json()["studies"][0]
        found = (await reader.get(f"/dicomweb/studies/{study['uid']}/instances?InstanceNumber={SLICE}")).json()[0]
        mark = {"series_uid": found["0020000E"]["Value"][0], "sop_uid": found["00080018"]["Value"][0], "kind": "length"}
        mark |= {"points": [[109, 112], [187, 112]], "label": "Đường kính ngang tim"}
        address = f"/api/v1/studies/{study['uid']}/marks/{uuid4()}"
        (await reader.put(address, json=mark)).raise_for_status()

    async def _answer(self, reader: httpx2.AsyncClient, question: str) -> str:
        await self._claim(reader, question)
        (await reader.put(f"/api/v1/referrals/{question}/report", json=TEXT | {"draft_revision": 0})).raise_for_status()
        for _ in range(8):
            signed = await reader.post(
                f"/api/v1/referrals/{question}/sign", json={"otp": await self.otp(self.people["specialist"])}
            )
            if signed.status_code == 200:
                break
            await asyncio.sleep(8)  # the next code becomes due
        signed.raise_for_status()
        self.made["report"] = signed.json()["report_id"]
        return question

    async def _wrong_patient(self, doctor: httpx2.AsyncClient, like: dict[str, Any]) -> None:
        """A draft whose images name somebody else, and images that came without a question."""
        body = {"patient_id": like["patient_id"], "to_organisation_id": like["to_organisation_id"], "priority": "urgent"}
        body["question"] = "Đau đầu dữ dội từ sáng: có xuất huyết não không?"
        created = await doctor.post("/api/v1/referrals", json=body)
        created.raise_for_status()
        self.made["draft_question"] = created.json()["id"]
        stranger = synthetic.PatientFacts("Giáp Thị Người Khác", "PID-77", date(1990, 1, 1), "female")
        mine = synthetic.ct_volume(stranger, created.json()["code"], slices=3, size=128)
        lost = synthetic.ct_volume(stranger, "KHONG-RO", slices=3, size=128)
        for content in (*mine, *lost):
            head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
            headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
            body_bytes = head + content + f"\r\n--{BOUNDARY}--\r\n".encode()
            (await doctor.post("/dicomweb/studies", content=body_bytes, headers=headers)).raise_for_status()

    def pages(self, role: str) -> list[tuple[str, str]]:
        """(name, path) of every page that a role has, as far as the story made what it shows."""
        found = []
        for line in PAGES[role or "visitor"].split():
            name, _, path = line.partition("=")
            with suppress(KeyError):
                found.append((name, path.format_map(self.made)))
        return found


PAGES = {
    "visitor": """home=/ sign-in=/sign-in specialists=/specialists times=/specialists/{practitioner}
        nothing=/nothing-here messages=/demo/messages parts=/dev/parts""",
    "patient": """home=/ specialists=/specialists times=/specialists/{practitioner}
        book=/book?practitioner={practitioner}&start={start} visits=/visits visit=/visits/{visit}
        cancel=/visits/{visit}/cancel call=/visits/{visit}/call report=/reports/{report} access-log=/access-log
        account=/account nothing=/nothing-here""",
    "technician": """clinic=/clinic unfiled=/clinic/unfiled upload=/clinic/referrals/{draft_question}/upload
        new-referral=/clinic/referrals/new draft=/clinic/referrals/{draft_question}""",
    "referring_doctor": """clinic=/clinic new-referral=/clinic/referrals/new draft=/clinic/referrals/{draft_question}
        sent=/clinic/referrals/{submitted_question} referral=/clinic/referrals/{acknowledged_question}
        report=/reports/{report} images=/clinic/referrals/{acknowledged_question}/images
        upload=/clinic/referrals/{draft_question}/upload account=/account""",
    "specialist": """worklist=/worklist reading=/reading/{assigned_question} calendar=/calendar report=/reports/{report}
        visits=/visits call=/visits/{visit}/call done=/reading/{acknowledged_question}""",
    "coordinator": """operations=/operations unassigned=/operations?show=unassigned held=/operations?show=held
        referral=/clinic/referrals/{submitted_question} unfiled=/clinic/unfiled visits=/visits
        pipeline=/operations/pipeline""",
    "administrator": "people=/people operations=/operations audit=/audit account=/account pipeline=/operations/pipeline",
    "auditor": "audit=/audit",
}


def _days_until(instant: str) -> int:
    start = datetime.fromisoformat(instant)
    return (start - datetime.now(start.tzinfo)) // timedelta(days=1)


async def context_of(browser: Browser, demo: Demo, role: str, size: str, scheme: str) -> BrowserContext:
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, locale="vi-VN", color_scheme=scheme, permissions=["camera", "microphone"]
    )  # type: ignore[arg-type]
    if role:
        await context.add_cookies([{"name": "telehealth-session", "value": demo.tokens[role], "url": demo.base}])
    return context


async def take(browser: Browser, demo: Demo, role: str, folder: Path, scheme: str) -> None:
    for size in SIZES:
        context = await context_of(browser, demo, role, size, scheme)
        page = await context.new_page()
        page.on("console", lambda m: print(f"  {role} {m.type}: {m.text}") if m.type == "error" else None)  # noqa: T201
        for name, path in demo.pages(role):
            answer = await page.goto(demo.base + path)
            has_pixels = name in ("reading", "images", "call", "done")
            await page.wait_for_timeout(4000 if has_pixels else 300)
            file = folder / f"{role or 'visitor'}-{name}-{size}-{scheme}.png"
            await page.screenshot(path=file, full_page=not has_pixels)
            print(role, name, size, path, answer.status if answer else 0)  # noqa: T201
        await context.close()


README = {  # file: role and page, as PAGES names it
    "patient-home-phone": ("patient", "home"),
    "patient-times-phone": ("patient", "times"),
    "technician-upload-desktop": ("technician", "upload"),
    "referring_doctor-referral-desktop": ("referring_doctor", "referral"),
    "specialist-worklist-desktop": ("specialist", "worklist"),
    "specialist-reading-desktop": ("specialist", "reading"),
    "technician-clinic-desktop": ("technician", "clinic"),
    "coordinator-operations-desktop": ("coordinator", "held"),
    "administrator-people-desktop": ("administrator", "people"),
    "auditor-audit-desktop": ("auditor", "audit"),
}


async def for_readme(browser: Browser, demo: Demo, folder: Path) -> None:
    """One of each role's main page, and a visit that runs."""
    for file, (role, name) in README.items():
        context = await context_of(browser, demo, role, file.rpartition("-")[2], "light")
        page = await context.new_page()
        await page.goto(demo.base + dict(demo.pages(role))[name])
        await page.wait_for_timeout(8000 if name == "reading" else 500)
        if name == "reading":
            await page.locator("#slider").fill(str(SLICE))
            await page.wait_for_timeout(3000)
        await page.screenshot(path=folder / f"{file}.png")
        await context.close()
    await _a_visit(browser, demo, folder)
    for file in folder.glob("*.png"):
        Image.open(file).convert("RGB").quantize(200, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            file, optimize=True
        )


async def _a_visit(browser: Browser, demo: Demo, folder: Path) -> None:
    """Both sides of one call, after the specialist has let the patient in."""
    sides = {}
    for role, size in (("patient", "phone"), ("specialist", "desktop")):
        context = await context_of(browser, demo, role, size, "light")
        sides[role] = page = await context.new_page()
        await page.goto(f"{demo.base}/visits/{demo.made['visit']}/call")
        await page.get_by_role("button", name="Vào phòng").click()
        await page.wait_for_timeout(2000)
    await sides["specialist"].get_by_role("button", name="Mời vào").click()
    await sides["patient"].locator("#line-words[data-kind=ok]").wait_for(timeout=60_000)
    await sides["patient"].wait_for_timeout(5000)
    for role, page in sides.items():
        size = "phone" if role == "patient" else "desktop"
        await page.screenshot(path=folder / f"{role}-call-{size}.png")
    for page in sides.values():
        await page.context.close()


def somebody(path: Path, frames: int = 30) -> Path:
    """A film for the pretended camera: a drawn head and shoulders that nod a little, 640 by 480, as Y4M."""
    width, height = 640, 480
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F15:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            nod = 4 * math.sin(2 * math.pi * number / frames)
            picture = Image.new("RGB", (width, height), "#d7e3e1")
            draw = ImageDraw.Draw(picture)
            draw.ellipse((120, 330, 520, 720), fill="#0b6763")
            draw.ellipse((232, 96 + nod, 408, 316 + nod), fill="#e8c4a6")
            draw.pieslice((222, 72 + nod, 418, 280 + nod), 180, 360, fill="#2b2523")
            y, cb, cr = picture.convert("YCbCr").split()
            half = (width // 2, height // 2)
            file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in (y, cb.resize(half), cr.resize(half))))
    return path


async def main(base: str, data: str, out: str, what: str = "light") -> None:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    demo = Demo(base, data)
    await demo.sign_everybody_in()
    await demo.live()
    with tempfile.TemporaryDirectory() as films:
        camera = f"--use-file-for-fake-video-capture={somebody(Path(films) / 'camera.y4m')}"
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS, camera])
            if what == "readme":
                await for_readme(browser, demo, folder)
            else:
                for role in ("", *demo.people):
                    await take(browser, demo, role, folder, what)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
