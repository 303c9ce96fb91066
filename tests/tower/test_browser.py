"""The pages in a real Chromium: they fit a telephone, can be read in light and dark, and serve a keyboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, expect

from contracts.actions import EffectOutcome
from contracts.escalation import ActionDenied
from contracts.event import CampaignId, Tenant
from contracts.framing import named
from tests.builders import CAMPAIGN, fact
from tests.tower.browser import chromium, listening
from tests.tower.builders import (
    DECISION,
    SECOND,
    breached,
    effects,
    fired,
    halted,
    launched,
    opened,
    plan,
    refused,
    story,
)
from tests.tower.conftest import Beside, Tower
from tests.tower.test_why import WHOLE, about

LONG = "Autumn webinar for heads of marketing operations in Germany, Austria and Switzerland, second attempt"
OTHERS = [CampaignId(named("campaign", str(number))) for number in range(4)]
PATHS = ("/", f"/campaigns/{CAMPAIGN}", f"/campaigns/{OTHERS[0]}", f"/decisions/{DECISION}", "/login")
# Text against what lies behind it, as WCAG 2.2 reckons it.
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((c) => part(c / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || ["SCRIPT", "STYLE"].includes(one.tagName)) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${one.tagName} ${one.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


async def filled(tower: Tower) -> None:
    """One campaign that is over, with a decision, and others that need somebody."""
    await tower.happens(*story(), *WHOLE)
    await tower.happens(*plan(LONG), launched(), fired(), halted(), opened(SECOND), campaign=OTHERS[0])
    await tower.happens(*plan("Late"), breached(), effects(1, EffectOutcome.UNKNOWN), campaign=OTHERS[1])
    await tower.happens(refused(), campaign=OTHERS[2])
    await tower.happens(*plan("Denied"), campaign=OTHERS[3])


@asynccontextmanager
async def looking(beside: Beside, **how: Any) -> AsyncIterator[tuple[Page, str]]:
    """A page of a browser, and the address of an open tower; whatever its console complains about fails the test."""
    complaints: list[str] = []
    async with beside(Tenant("demo")) as laptop, listening(laptop.app) as url, chromium() as browser:
        context = await browser.new_context(**how)
        context.set_default_timeout(15_000)
        page = await context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page, url
        await context.close()
    assert not complaints


async def live(page: Page, address: str) -> None:
    """Open a page and wait until its stream has spoken."""
    await page.goto(address, wait_until="domcontentloaded")
    if not address.endswith("/login"):
        await expect(page.locator("#news")).not_to_be_empty()


@pytest.mark.parametrize("width", [390, 768, 1280])
async def test_no_page_must_be_moved_sideways(tower: Tower, beside: Beside, width: int) -> None:
    await filled(tower)
    async with looking(beside, viewport={"width": width, "height": 800}) as (page, url):
        for path in PATHS:
            await live(page, url + path)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_what_is_behind_it(tower: Tower, beside: Beside, scheme: str) -> None:
    await filled(tower)
    async with looking(beside, color_scheme=scheme) as (page, url):
        for path in PATHS:
            await live(page, url + path)
            assert await page.evaluate(CONTRAST) == [], path


async def test_a_keyboard_reaches_the_reason_of_a_decision_in_two_steps(tower: Tower, beside: Beside) -> None:
    await tower.happens(*plan(), *WHOLE)
    async with looking(beside) as (page, url):
        await live(page, url)
        for link in (f"/campaigns/{CAMPAIGN}", f"/decisions/{DECISION}"):
            for _ in range(6):
                await page.keyboard.press("Tab")
                if await page.evaluate("document.activeElement.getAttribute('href')") == link:
                    break
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", "nobody sees where the keyboard is"
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"**{link}")
        await expect(page.locator("main")).to_contain_text("Write while the webinar is fresh")


async def test_news_comes_by_itself_and_leaves_the_reader_where_they_are(tower: Tower, beside: Beside) -> None:
    await tower.happens(*plan(), *WHOLE)
    async with looking(beside) as (page, url):
        await live(page, f"{url}/decisions/{DECISION}")
        await page.locator("#record summary").click()
        await tower.take([fact(about(ActionDenied, because="a_person_changed_their_mind"))])
        await expect(page.locator("main")).to_contain_text("a person changed their mind")
        await expect(page.locator("#news")).to_have_text("denied")
        assert await page.locator("#record").get_attribute("open") is not None

        await live(page, f"{url}/campaigns/{CAMPAIGN}")
        link = page.locator(f"#decision-{DECISION}")
        await link.focus()
        await tower.take([fact(halted(), sequence=100)])
        await expect(page.locator("main")).to_contain_text("Halted (hard bounces)")
        await expect(link).to_be_focused()
