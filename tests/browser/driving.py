"""How tests drive the browser: a page that may not complain, signing in, and what axe finds.

A click that leads elsewhere comes back as soon as the answer to it begins; the new page is still being read then, and its
scripts have not run. What a reader does next waits until it is whole (see conftest.py). What is looked at next has to wait,
too: with `expect`, which asks again, for what only the new page has, or with `arrived` where that is the address. Whatever
does not wait (`page.url`, `all_text_contents`, `evaluate`, a query) comes after.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

ColorScheme = Literal["light", "dark"]
# How Chromium reports a page that names what was wrong with a form.
REFUSAL = re.compile("the server responded with a status of (400|409|410)")
# For how many milliseconds anything is waited for. A build machine that is busy elsewhere may need them; nobody else waits.
PATIENCE = 30_000


@contextmanager
def a_page(
    browser: Browser,
    scheme: ColorScheme = "light",
    *,
    scripts: bool = True,
    width: int = 1280,
    refusal: re.Pattern[str] = REFUSAL,
) -> Iterator[Page]:
    """A fresh browser; at the end nothing may have been complained about in its console, the policy against foreign code
    included, but for a `refusal`."""
    complaints: list[str] = []
    context = browser.new_context(
        color_scheme=scheme,
        java_script_enabled=scripts,
        viewport={"width": width, "height": 900},
        # What fades in is half transparent for a moment, and would fail for its contrast.
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type in {"error", "warning"} and not refusal.search(message.text)
            else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(PATIENCE)
    yield page
    context.close()
    assert complaints == [], complaints


def arrived(page: Page, address: str) -> None:
    """Wait until the page with exactly this address is there, whole and with its scripts."""
    page.wait_for_url(lambda at: at == address)


def sign_in(page: Page, live_server: Any, email: str = "alice@example.com") -> None:
    """Sign in, and go on to the list."""
    sign_in_on_the_way(page, f"{live_server.url}/app/alpine/shipments/", email)


def sign_in_on_the_way(page: Page, address: str, email: str = "alice@example.com") -> None:
    """Ask for a page of the dashboard, and sign in to get there."""
    page.goto(address)
    give_name_and_password(page, email)
    arrived(page, address)


def give_name_and_password(page: Page, email: str) -> None:
    """Fill in and send the form of the sign-in; where that leads is not waited for."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()


# Lists of all that is well would take longer to hand over than to find; and reading style sheets by adding them to the page
# would break its policy.
LOOK_FOR = {"resultTypes": ["violations"], "preload": False}
BEYOND = """
    [...document.querySelectorAll('main *')]
        .filter(each => each.getBoundingClientRect().right > innerWidth + 1 && !each.closest('.table-frame'))
        .slice(0, 3)
        .map(each => `${each.tagName}.${each.className}`)
"""


def barriers(page: Page, *rules: str) -> list[str]:
    """What axe finds that keeps somebody from using the page, once it is there whole; of some rules alone, where they are named."""
    page.wait_for_load_state()
    options = {**LOOK_FOR, "runOnly": list(rules)} if rules else LOOK_FOR
    return [
        f"{found['id']}: {node['html'][:200]} {node['failureSummary']}"
        for found in Axe().run(page, options=options).response["violations"]
        for node in found["nodes"]
    ]


def across(page: Page, width: int) -> list[str]:
    """What makes a page wider than its window; nothing, where it fits."""
    wide: int = page.evaluate("document.documentElement.scrollWidth")
    return [f"{wide} pixels", *page.evaluate(BEYOND)] if wide > width else []
