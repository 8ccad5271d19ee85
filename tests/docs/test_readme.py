"""The code in README and docs is run as it stands."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from polyalign.core.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / "README.md", *(p for p in (ROOT / "docs").rglob("*.md") if not {"_build", "generated"} & set(p.parts))]
)


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.stem)
def test_code_blocks_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for block in blocks(page):
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, scope, page.name, str(page), 0)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            runner.run(test, clear_globs=False)
            scope = test.globs
            said = capsys.readouterr().out
            if lack := re.search(r"MissingExtraError: (.*)", said):
                pytest.skip(lack[1])
            assert runner.failures == 0, said
        else:
            try:
                exec(compile(block, str(page), "exec"), scope)
            except MissingExtraError as error:
                pytest.skip(str(error))


def test_the_readme_example_says_what_it_should(capsys):
    (example,) = blocks(ROOT / "README.md")
    assert len(example.strip().splitlines()) <= 14
    try:
        exec(compile(example, "README.md", "exec"), {})
    except MissingExtraError as error:
        pytest.skip(str(error))
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "{'1-1': 2, '1-2': 1}"
    assert "0-0 1-1 2-2 3-3" in out[1]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 200
