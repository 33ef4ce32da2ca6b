"""A real Chromium for the tests of pages.

Needs one on the machine (Debian's `chromium`, or the path in CHROMIUM). Without one these tests are skipped,
except where CI is set: there they fail.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from tests.browser.driving import PATIENCE

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# What a reader does with a page. Playwright would do it as soon as the element is there: while the rest of its form, the
# hidden fields among it, is still on the way, and before the scripts that listen for it.
DEEDS = ("check", "clear", "click", "fill", "focus", "press", "select_option", "set_input_files", "uncheck")

expect.set_options(timeout=PATIENCE)


def _on_a_whole_page(deed: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(deed)
    def do(self: Locator, *args: Any, **options: Any) -> Any:
        self.page.wait_for_load_state()
        return deed(self, *args, **options)

    return do


for _deed in DEEDS:
    setattr(Locator, _deed, _on_a_whole_page(getattr(Locator, _deed)))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For a module, not for all: Playwright's event loop runs for as long, and other tests start loops of their own.
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "No Chromium on this machine: install Debian's chromium, or name one in CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()
