"""``make screenshots``: every page at both widths, light and dark, to be looked at. Writes into the folder given."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.installation import installed
from tests.pages.conftest import CHROMIUM, DESKTOP, PHONE, Tab
from tests.pages.test_desks import pages


def main(folder: Path) -> None:
    """Take them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        installed(Path(data) / "data") as here,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        shown = pages(here)
        for width, size in (("phone", PHONE), ("desktop", DESKTOP)):
            for colours in ("light", "dark"):
                context = browser.new_context(viewport=size, color_scheme=colours)  # type: ignore[arg-type]
                tab, was = Tab(context.new_page(), here.url), ""
                for number, (name, path) in enumerate(shown):
                    if name and name != was:
                        tab.be(name)
                    was = name or was
                    tab.open(path)
                    tab.page.screenshot(path=folder / f"{number:02}-{width}-{colours}.png", full_page=True)
                context.close()
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")  # noqa: T201 - its only output


if __name__ == "__main__":
    main(Path(sys.argv[1]))
