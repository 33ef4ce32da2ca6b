"""How tests drive the browser: a page that may not complain, signing in, and what axe finds."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

ColorScheme = Literal["light", "dark"]
# How Chromium reports a page that names what was wrong with a form.
REFUSAL = re.compile("the server responded with a status of (400|409|410)")


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
    page.set_default_timeout(20_000)
    yield page
    context.close()
    assert complaints == []


def sign_in(page: Page, live_server: Any, email: str = "alice@example.com") -> None:
    page.goto(f"{live_server.url}/app/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/app/alpine/attention/")
    page.goto(f"{live_server.url}/app/alpine/shipments/")


def barriers(page: Page) -> list[str]:
    """What axe finds that keeps somebody from using the page."""
    return [
        f"{found['id']}: {node['html'][:200]} {node['failureSummary']}"
        # Lists of all that is well would take longer to hand over than to find.
        for found in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        for node in found["nodes"]
    ]
