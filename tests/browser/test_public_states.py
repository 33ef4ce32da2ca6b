"""Every state of the pages for everybody, as a buyer meets it: on a phone and a desk, light and dark, with and without scripts."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, Page, Response

from shipments.models import Merchant, Throttle
from tests.browser.driving import ColorScheme, a_page, barriers
from tests.browser.states import State, every_state

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A page may refuse; that what it loads is there is looked at below.
REFUSAL = re.compile("the server responded with a status of 4")
# What a mistake in a template or a translated string leaves in a page's source, and in its words.
IN_THE_SOURCE = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}|%\(\w+\)|&amp;(amp|lt|gt|quot|#\d+);|Undefined")
IN_THE_WORDS = re.compile(
    # A value that is none, markup that was escaped, an empty bracket, and a blank before what closes a phrase.
    r"\bNone\b|\bFalse\b|</?\w+>|\(\s*\)|\s[,;.](\s|$)"
    # Sentences or words that a lost blank has glued together, and words of our code.
    r"|[a-z][.,;:!?][A-Z]|[a-z][A-Z][a-z]|[a-z]_[a-z]"
)
# Typed by the test, and shown as it was typed.
TYPED = ("<b>", "https://", "http://")
HOLLOW = """
    [...document.querySelectorAll(
        '[href=""], [src=""], [action=""], [id=""], [aria-label=""], [aria-describedby=""], [datetime=""], ' +
        'dd:empty, dt:empty, li:empty, h1:empty, h2:empty, h3:empty, p:empty, a:empty, button:empty'
    )].map(each => each.outerHTML.slice(0, 200))
"""
BEYOND = """
    [...document.querySelectorAll('body *')]
        .filter(each => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('.statement__table, svg'))
        .slice(0, 3)
        .map(each => `${each.tagName}.${each.className}`)
"""
# The page is drawn before these have come.
IN_THE_WAY = "[...document.querySelectorAll('script:not([defer])')].map(each => each.outerHTML.slice(0, 200))"


@pytest.fixture(autouse=True)
def _tries_are_forgotten() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.mark.parametrize(
    ("scheme", "scripts", "width"),
    [("light", True, 390), ("dark", True, 1440), ("light", False, 320)],
)
def test_every_state_is_whole_and_readable_for_everybody(
    browser: Browser, live_server: Any, merchant: Merchant, scheme: ColorScheme, scripts: bool, width: int
) -> None:
    found: list[str] = []
    with a_page(browser, scheme, scripts=scripts, width=width, refusal=REFUSAL) as page:
        loaded: list[Response] = []
        page.on("response", lambda answer: loaded.append(answer))
        for state in every_state(merchant, timezone.now()):
            loaded.clear()
            _come_to(page, live_server.url, state)
            # Without scripts axe cannot run either; the page is the same.
            wrong = [
                *_wrong_with(page, state),
                *(barriers(page) if scripts else ()),
                *_wrong_with_what_it(loaded, live_server.url, state),
            ]
            found += [f"{state.name}: {each}" for each in wrong]
            page.context.clear_cookies()

    assert found == []


def _come_to(page: Page, host: str, state: State) -> None:
    """The page in its state."""
    Throttle.objects.all().delete()
    if state.act is None:
        if state.before is not None:
            state.before()
        page.goto(host + state.path)
        return
    page.goto(host + state.path)
    if state.before is not None:
        state.before()
    # The heading may be the same before and after.
    with page.expect_navigation():
        state.act(page)


def _wrong_with(page: Page, state: State) -> Iterator[str]:
    headings = page.locator("h1").all_text_contents()
    if len(headings) != 1 or state.heading not in headings[0]:
        yield f"the heading is {headings}"
    current = page.locator("[aria-current=step]").count()
    if current != (1 if state.has_steps else 0):
        yield f"{current} current steps"
    for where, text, mistake in (
        ("source", page.content(), IN_THE_SOURCE),
        ("words", f"{page.title()}\n{page.locator('main').inner_text()}", IN_THE_WORDS),
    ):
        for line in text.splitlines():
            if mistake.search(line) and not any(typed in line for typed in TYPED):
                yield f"in the {where}: {line.strip()[:200]}"
    for script in (HOLLOW, BEYOND, IN_THE_WAY):
        yield from page.evaluate(script)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        yield "it scrolls aside"


def _wrong_with_what_it(loaded: list[Response], host: str, state: State) -> Iterator[str]:
    """Foreign hosts that were asked, files that were missing, and another status than the page's."""
    pages = [answer for answer in loaded if answer.request.resource_type == "document"]
    if pages[-1].status != state.status:
        yield f"it answered {pages[-1].status}"
    for answer in loaded:
        if urlsplit(answer.url).netloc != urlsplit(host).netloc:
            yield f"it asked {answer.url}"
        if answer not in pages and answer.status >= 400:
            yield f"{answer.url} answered {answer.status}"
