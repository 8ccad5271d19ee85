"""Rules of the house that a linter does not know."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
COMPARISONS = {"allclose", "array_equal", "isclose", "equals", "array_equiv"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT / "src").as_posix())
def test_a_file_fits_in_the_head(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350
    assert path.stem not in ("utils", "helpers", "misc", "common")


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.relative_to(ROOT / "tests").as_posix())
def test_no_comparison_goes_unasserted(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and (
            isinstance(node.value, ast.Compare)
            or (isinstance(node.value, ast.Call) and getattr(node.value.func, "attr", "") in COMPARISONS)
        )
    ]
    assert not bare, f"compared and not asserted in lines {bare}"


def test_every_paper_is_used():
    named = [*SOURCES, *(ROOT / "src/polyalign/recipes").glob("*.toml")]
    used = "\n".join(p.read_text(encoding="utf-8") for p in named)
    bib = (ROOT / "src/polyalign/references.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{([^,]+),", bib, re.M)
    assert keys
    assert len(keys) == len(set(keys))
    assert [k for k in keys if k not in used] == []


def test_every_data_file_is_in_the_wheel():
    """A file that is in the source tree and not in `package-data` is missing for users, and only for them."""
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "package-data"
    ]["polyalign"]
    package = ROOT / "src/polyalign"
    named = {path for pattern in patterns for path in package.glob(pattern) if path.is_file()}
    data = {p for p in package.rglob("*") if p.is_file() and p.suffix != ".py" and "__pycache__" not in p.parts}
    assert len(data) > 80
    assert data - named == set()
