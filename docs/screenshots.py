"""Make the pictures of `polyalign view` for the README and the documentation.

    polyalign run src/polyalign/sample/project.toml -o runs/demo
    python docs/screenshots.py runs/demo

Needs the extra ``view``, playwright and a Chromium (``apt install chromium``; or name one with ``--chromium``).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

PLOTS = Path(__file__).parent / "plots"
WIDTH = 1100
UNIT = "unit=eng_Latn-deu_Latn"
#: Name, address, how tall, and what is there when the page is whole.
PICTURES = (
    ("view-pairs", f"/pairs?{UNIT}&row=55", 940, "#lines .link"),
    ("view-documents", f"/documents?{UNIT}", 640, ".gutter a"),
    ("view-concordance", f"/concordance?{UNIT}&q=the+village", 640, "mark"),
)


def main() -> None:
    """Serve the run, open each page, and write what is seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run of the demo project")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["polyalign", "view", str(given.run), "--no-browser", "--port", "0", "--author", "Anna"]
        server = subprocess.Popen(
            [*command, "--corrections", f"{folder}/corrections.jsonl"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip().rstrip("/")
            _pictures(address, given.chromium)
        finally:
            server.terminate()
            server.wait()


def _pictures(address: str, chromium: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, path, height, whole in PICTURES:
            page = browser.new_page(viewport={"width": WIDTH, "height": height}, color_scheme="light")
            page.goto(address + path)
            # A page that waits for its index asks again by itself.
            page.wait_for_selector(whole, state="attached", timeout=60_000)
            page.wait_for_load_state("networkidle")
            page.evaluate("document.activeElement.blur()")
            made = PLOTS / f"{name}.png"
            page.screenshot(path=made)
            sys.stdout.write(f"{made}: {made.stat().st_size / 1000:.0f} kB\n")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
