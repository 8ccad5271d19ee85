"""``polyalign doctor``."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import rich_click as click
from packaging.requirements import Requirement

from polyalign import __version__
from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core.errors import MissingExtraError
from polyalign.core.progress import console


@click.command()
@click.option("--warm/--no-warm", default=True, help="Compile the kernels now, so that no later command waits for it.")
@json_option
def command(warm: bool, as_json: bool) -> None:
    """Check the installation: versions, threads, extras; compile the kernels and run each once."""
    rows = [
        ("polyalign", __version__, "ok"),
        ("python", platform.python_version(), "ok"),
        ("cpu threads", str(os.cpu_count()), "ok"),
    ]
    rows += [_package(text) for text in requires("polyalign") or []]
    if warm:
        rows += _warm()
    if as_json:
        print_json([{"name": n, "found": f, "state": s} for n, f, s in rows])
    else:
        print_table(("what", "found", "state"), rows)


def _package(text: str) -> tuple[str, str, str]:
    wanted = Requirement(text)
    extra = (
        str(wanted.marker).split("extra ==")[-1].strip(" \"'")
        if wanted.marker and "extra" in str(wanted.marker)
        else ""
    )
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return (
            wanted.name,
            "-",
            f"not installed; only for polyalign[{extra}]" if extra else "missing: pip install polyalign",
        )
    return (
        wanted.name,
        found,
        "ok" if wanted.specifier.contains(found, prereleases=True) else f"expected {wanted.specifier}",
    )


def _warm() -> list[tuple[str, str, str]]:
    """Run everything that has kernels once on a few sentences, which compiles all that it needs."""
    import numpy as np

    from polyalign.core import params, registry
    from polyalign.core.bitext import Bitext
    from polyalign.core.document import Document
    from polyalign.core.links import Links

    bitext = Bitext.build(["a b", "b"], ["c d", "d"])
    links = Links.from_pharaoh(["0-0:1 1-1:1", "0-0:1"])
    doc = Document("a", ("a b.", "b 1."), np.zeros(2, np.int32))
    texts = [f"{word} {n}" for n, word in enumerate("abcdef")]
    uses: dict[str, Callable[[Any], object]] = {
        "encode": lambda m: m.encode(texts),
        "documents.align": lambda m: m.align([doc], [doc], ("eng_Latn", "deu_Latn")),
        "sentences.align": lambda m: m.align([doc], [doc]),
        "sentences.multiway": lambda m: m.align({"eng_Latn": [doc], "deu_Latn": [doc]}),
        "sentences.mine": lambda m: m.mine(texts, texts[::-1]),
        "words.align": lambda m: m.fit(bitext).align(bitext),
        "words.symmetrize": lambda m: m(links, links),
        "words.lexicon": lambda m: m.extract(bitext, links),
    }
    rows = []
    for row in registry.rows().values():
        # What needs something that only its user has, such as a trained model, has no kernels of its own, nor has torch.
        if (
            row.task not in uses
            or row.extra == "neural"
            or registry.missing(row)
            or any(p.required for p in params.params_of(registry.load(row)))
        ):
            continue
        began = time.perf_counter()
        try:
            uses[row.task](params.build(row))
        except MissingExtraError as error:
            rows.append((row.id, "-", str(error)))
            continue
        rows.append((row.id, f"{time.perf_counter() - began:.1f} s", "ok"))
        console.print(f"{row.id} ready", markup=False)
    return rows
