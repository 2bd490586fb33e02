"""Finds a Chromium: the one CHROMIUM names, one on the PATH, or Playwright's own.

python -m tests.browser.chromium prints where it is, or fails with what to do.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NONE = (
    "The browser tests need Chromium: run `.venv/bin/playwright install chromium` or `apt-get install chromium`, "
    "or set CHROMIUM to the path of one."
)


def chromium(playwright: Playwright) -> str | None:
    """The path of a Chromium."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    own = playwright.chromium.executable_path
    return on_path or (own if Path(own).is_file() else None)


if __name__ == "__main__":
    with sync_playwright() as running:
        sys.exit(print(found) if (found := chromium(running)) else NONE)  # noqa: T201
