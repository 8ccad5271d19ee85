"""What the view's tests open: a run with three language pairs, and a browser on a server of it."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.report.conftest import make_run

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """A run with Romansh (and gold), Chinese and Arabic; not to be written to."""
    return make_run(tmp_path_factory.mktemp("view") / "run", docs=4)


@pytest.fixture
def view(run_folder, tmp_path):
    """The run, with corrections of its own."""
    pytest.importorskip("starlette")
    pytest.importorskip("jinja2")
    from polyalign.view.edits import Edits
    from polyalign.view.page import View
    from polyalign.view.source import Opened

    return View(Opened.at(run_folder), Edits(tmp_path / "c.jsonl"), "Anna")


@pytest.fixture
def client(view):
    """Asks the application without a browser."""
    pytest.importorskip("httpx")
    from starlette.testclient import TestClient

    from polyalign.view.app import make_app

    return TestClient(make_app(view), base_url="http://127.0.0.1:8650")


@contextmanager
def serving(view, **given):
    """The address of a server on a free port."""
    uvicorn = pytest.importorskip("uvicorn")
    from polyalign.cli.view import _listen
    from polyalign.view.app import make_app

    listening = _listen("127.0.0.1", 0)
    config = uvicorn.Config(make_app(view, **given), log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def address(view):
    """The address of a server of the run."""
    with serving(view) as found:
        yield found


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; what asks for it is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next((p for p in CHROMIUM if Path(p).exists()), None) or shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield opened
        opened.close()


@pytest.fixture
def tab(browser):
    """A page that fails its test where a script fails or something is loaded from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("request", lambda r: None if "//127.0.0.1:" in r.url else wrong.append(f"asked for {r.url}"))
    page.on("console", lambda m: wrong.append(m.text) if "Content Security" in m.text else None)
    page.set_default_timeout(20_000)
    yield page
    context.close()
    assert wrong == []
