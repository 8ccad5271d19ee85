"""The Bayesian aligner beside eflomal, on test sets alone."""

from __future__ import annotations

import io

import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.evaluate.aer import AER
from polyalign.words.gibbs.method import Gibbs
from polyalign.words.symmetrize import GrowDiagFinalAnd

pytestmark = [pytest.mark.peer, pytest.mark.data]


def read(folder, name):
    pairs = (folder / f"{name}.src-tgt").read_text(encoding="utf-8").splitlines()
    src, tgt = zip(*(line.split(" ||| ") for line in pairs), strict=True)
    gold = (folder / f"{name}.gold").read_text(encoding="utf-8").splitlines()
    return Bitext.build(src, tgt), Links.from_pharaoh(gold, one_based=True)


@pytest.mark.parametrize("name", ["enfr", "roen"])
def test_error_rate_is_not_above_that_of_eflomal(data, tmp_path, name):
    eflomal = pytest.importorskip("eflomal")
    bitext, gold = read(data / f"wa-awesome-{name}", name)
    outputs = [tmp_path / "forward", tmp_path / "backward"]
    eflomal.Aligner().align(
        io.StringIO("\n".join(bitext.src) + "\n"),
        io.StringIO("\n".join(bitext.tgt) + "\n"),
        links_filename_fwd=str(outputs[0]),
        links_filename_rev=str(outputs[1]),
        quiet=True,
    )
    theirs = GrowDiagFinalAnd()(*(Links.from_pharaoh(o.read_text().splitlines()) for o in outputs))
    for granularities in (("full",), ("auto",)):
        ours = Gibbs(granularities=granularities).fit(bitext).align(bitext)
        assert AER(samples=0).score(ours, gold).value <= AER(samples=0).score(theirs, gold).value
