"""Every page in a real browser: nothing that axe-core minds, nothing cut off on a phone, nothing against the policy,
everything by keyboard, all of it in both languages.

PAGES is the list: a new page is a line here.
"""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page

from telehealth.core import i18n
from telehealth.core.http import LANGUAGE_COOKIE
from telehealth.web.assets import manifest
from tests.browser.conftest import DESKTOP, PHONE
from tests.conftest import missing
from tests.house.roles.scene import Maker, Scene, Thing, at

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "telehealth/web/client/node_modules/axe-core/axe.min.js"


async def visit_now(scene: Scene) -> Thing:
    """A visit whose room is open."""
    return await scene.visit(now=True)


PAGES: dict[str, list[str]] = {  # who (a field of the province, "" for nobody): addresses that open without arranging
    "": ["/", "/sign-in", "/specialists", "/dev/parts", "/demo/messages", "/nothing-here"],
    "patient_account": ["/", "/visits", "/specialists", "/account", "/access-log"],
    "doctor": ["/clinic", "/clinic/referrals/new", "/clinic/unfiled", "/account"],
    "technician": ["/clinic", "/clinic/unfiled"],
    "specialist": ["/worklist", "/calendar"],
    "coordinator": ["/operations"],
    "administrator": ["/people", "/operations/nodes"],
    "auditor": ["/audit"],
}
PAGES_OF_THINGS: list[tuple[Maker, str]] = [  # what is arranged, then "who address" lines; names in braces are of the thing
    (Scene.time, "patient_account /specialists/{specialist}"),
    (Scene.time, "patient_account /book?practitioner={specialist}&start={start}"),
    (Scene.visit, "patient_account /visits /visits/{visit} /visits/{visit}/cancel"),
    (Scene.visit, "specialist /visits /visits/{visit}"),
    (visit_now, "patient_account / /visits/{visit}/call"),
    (visit_now, "specialist /calendar /visits/{visit}/call"),
    (at("draft"), "doctor /clinic /clinic/referrals/{question}"),
    (at("draft"), "technician /clinic/referrals/{question} /clinic/referrals/{question}/upload"),
    (Scene.held_study, "technician /clinic/referrals/{question}/upload /clinic"),
    (Scene.held_study, "coordinator /operations?show=held /clinic/referrals/{question}"),
    (Scene.unfiled_study, "technician /clinic/unfiled"),
    (Scene.set_aside, "technician /clinic/unfiled"),
    (at("asked back"), "doctor /clinic/referrals/{question}"),
    (at("sent"), "specialist /worklist"),
    (Scene.pictures, "specialist /reading/{question}"),
    (Scene.pictures, "doctor /clinic/referrals/{question}/images"),
    (at("written"), "specialist /worklist"),
    (at("answered"), "doctor /clinic /clinic/referrals/{question} /reports/{report}"),
    (at("answered"), "specialist /reports/{report}"),
    (at("acknowledged"), "patient_account /reports/{report} /access-log"),
    (at("closed"), "doctor /clinic/referrals/{question}"),
    (at("sent"), "administrator /operations /audit"),
    (at("sent"), "coordinator /operations?show=unassigned /operations/pipeline"),
]
LIGHT_AND_DARK = ("light", "dark")


@pytest.fixture(autouse=True)
def built() -> None:
    if not manifest() or not AXE.exists():
        missing("the client build")


class Listening(dict[str, str]):
    """A catalog that remembers what it was asked for in vain."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__(texts)
        self.missed: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        if key not in self:
            self.missed.add(key)
        return super().get(key, default)


@pytest.fixture
def vietnamese(monkeypatch) -> Listening:
    heard = Listening(i18n.catalog("vi"))
    spoken = i18n.catalog
    monkeypatch.setattr(i18n, "catalog", lambda of: heard if of == "vi" else spoken(of))
    return heard


async def wrong_on(page: Page) -> list[str]:
    """What axe-core minds, and what sticks out at the side."""
    axe = await asyncio.to_thread(AXE.read_text)
    await page.evaluate(axe)
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    wrong = [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for violation in found["violations"]
        for node in violation["nodes"][:3]
    ]
    beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*wrong, f"{beyond} px beyond the edge"] if beyond > 0 else wrong


def listen_for_refused(page: Page, wrong: list[str]) -> None:
    """A strict policy shows in the console when something breaks it; so does a missing file."""

    def heard(message) -> None:
        is_own_status = "status of 4" in message.text and "nothing-here" in str(message.location.get("url", ""))
        if message.type == "error" and not is_own_status:
            wrong.append(f"console: {message.text}")

    page.on("console", heard)


@pytest.mark.parametrize(("who", "address"), [(who, address) for who, addresses in PAGES.items() for address in addresses])
async def test_a_page_is_open_to_everybody(page_for, province, vietnamese, who, address):
    """Both widths, light and dark, in Vietnamese: no violation, no overflow, nothing refused, nothing untranslated."""
    wrong: list[str] = []
    account = getattr(province, who) if who else None
    for viewport in (PHONE, DESKTOP):
        page = await page_for(account, viewport)
        listen_for_refused(page, wrong)
        answer = await page.goto(address, wait_until="load")
        assert answer is not None
        assert answer.status == (404 if address == "/nothing-here" else 200), f"{address} answered {answer.status}"
        for scheme in LIGHT_AND_DARK:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            wrong += [f"{viewport['width']} px, {scheme}: {finding}" for finding in await wrong_on(page)]
    wrong += [f"no Vietnamese: {text!r}" for text in sorted(vietnamese.missed)]
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def scene(live_server, engine, province) -> Scene:
    return Scene(live_server.app, engine, province, province.accounts)


@pytest.mark.parametrize(
    ("make", "opened"), PAGES_OF_THINGS, ids=[f"{opened} with {make.__name__}" for make, opened in PAGES_OF_THINGS]
)
async def test_a_page_about_something_is_open_to_everybody(page_for, scene, vietnamese, make, opened):
    """As above for pages that show a thing: on a phone in Vietnamese and dark, on a desktop in English and light."""
    wrong: list[str] = []
    who, *addresses = opened.format_map(await make(scene)).split()
    for viewport, language, scheme in ((PHONE, "vi", "dark"), (DESKTOP, "en", "light")):
        page = await page_for(scene.accounts[who], viewport)
        await page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": language, "url": scene.app.state.settings.address}])
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        listen_for_refused(page, wrong)
        for address in addresses:
            answer = await page.goto(address.replace("+", "%2B"), wait_until="load")
            assert answer is not None
            assert answer.status == 200, f"{address} answered {answer.status}"
            assert await page.evaluate("document.documentElement.lang") == language
            wrong += [f"{address}, {viewport['width']} px: {finding}" for finding in await wrong_on(page)]
    wrong += [f"no Vietnamese: {text!r}" for text in sorted(vietnamese.missed)]
    assert not wrong, "\n".join(wrong)


STOPS = """[...document.querySelectorAll("main :is(a[href], button, input, select, textarea, summary)")]
    .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0 && !["hidden", "radio"].includes(one.type))"""
# found anew at each press: a page that follows something draws parts of itself again
WHERE = f"""(() => {{ const one = document.activeElement, style = getComputedStyle(one);
    return [{STOPS}.indexOf(one), style.outlineStyle !== "none" || style.boxShadow !== "none"] }})()"""


@pytest.mark.parametrize(
    ("make", "opened"),
    [
        (at("draft"), "doctor /clinic/referrals/{question}"),
        (at("answered"), "doctor /clinic/referrals/{question}"),
        (at("written"), "specialist /worklist"),
        (Scene.held_study, "doctor /clinic/referrals/{question}/upload"),
        (Scene.time, "patient_account /book?practitioner={specialist}&start={start}"),
        (Scene.visit, "patient_account /visits/{visit}"),
    ],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
async def test_everything_is_reached_by_the_tab_key_and_shows_it(page_for, scene, make, opened):
    who, address = opened.format_map(await make(scene)).split()
    page = await page_for(scene.accounts[who], DESKTOP)
    await page.goto(address.replace("+", "%2B"))
    count = await page.evaluate(f"{STOPS}.length")
    assert count
    reached: dict[int, bool] = {}
    for _ in range(count + 60):
        await page.keyboard.press("Tab")
        stop, shown = await page.evaluate(WHERE)
        if stop >= 0:
            reached[stop] = shown
    assert sorted(reached) == list(range(count))
    assert [stop for stop, shown in reached.items() if not shown] == []


async def test_pages_speak_english_after_one_press(page_for, live_server):
    page = await page_for(None, PHONE)
    await page.goto("/specialists")
    async with page.expect_navigation():
        await page.get_by_role("button", name="EN").click()
    assert page.url.endswith("/specialists")
    assert await page.evaluate("document.documentElement.lang") == "en"
    assert await wrong_on(page) == []


async def test_the_first_tab_leads_past_the_menu(page_for):
    page = await page_for(None, DESKTOP)
    await page.goto("/")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    assert await page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"


async def test_the_sign_in_form_is_reached_and_sent_by_keyboard(page_for):
    page = await page_for(None, DESKTOP)
    await page.goto("/sign-in")
    phone = page.locator("main input[name=phone]")
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await phone.evaluate("field => field === document.activeElement"):
            break
    outline = await phone.evaluate("field => getComputedStyle(field).outlineStyle")
    assert outline == "solid"
    await page.keyboard.type("0912345678")
    async with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        await page.keyboard.press("Enter")
    assert (await sent.value).status in (200, 303)


async def test_twice_the_text_cuts_nothing_off(page_for, scene):
    """200 % text on a phone: what WCAG 1.4.4 asks for."""
    visit, answered = await scene.visit(), await scene.question("answered")
    pages = {
        "": ["/", "/sign-in", "/specialists"],
        "patient_account": ["/", "/visits", f"/visits/{visit['visit']}"],
        "doctor": ["/clinic", f"/clinic/referrals/{answered['question']}", f"/reports/{answered['report']}"],
        "specialist": ["/worklist", "/calendar"],
        "coordinator": ["/operations"],
    }
    for who, addresses in pages.items():
        page = await page_for(scene.accounts.get(who), PHONE)
        for address in addresses:
            await page.goto(address)
            await page.evaluate("document.documentElement.style.setProperty('--pico-font-size', '212.5%')")
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address


async def test_what_is_pressed_on_a_phone_is_large_enough(page_for):
    page = await page_for(None, PHONE, has_touch=True, is_mobile=True)
    for address in ("/", "/sign-in", "/specialists"):
        await page.goto(address)
        small = await page.evaluate(
            """[...document.querySelectorAll(
                 "main button, main .button, main input:not([type=hidden],[type=checkbox],[type=radio]), main select")]
               .filter((thing) => thing.offsetHeight && thing.offsetHeight < 48).map((thing) => thing.outerHTML.slice(0, 120))"""
        )
        assert small == [], address


async def test_every_picture_that_a_page_names_is_in_the_sprite(page_for, province):
    lost: set[str] = set()
    for who, addresses in PAGES.items():
        page = await page_for(getattr(province, who) if who else None, DESKTOP)
        for address in addresses:
            await page.goto(address)
            used = await page.evaluate("[...document.querySelectorAll('use')].map((use) => use.getAttribute('href'))")
            for sprite in {name.split("#")[0] for name in used}:
                text = await (await page.request.get(sprite)).text()
                lost |= {f"{address}: {name}" for name in used if f'id="{name.split("#")[1]}"' not in text}
    assert lost == set()
