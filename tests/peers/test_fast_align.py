"""fast_align beside the original: the same links, up to words that lie exactly as far from the diagonal."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.words.fast_align import FastAlign

pytestmark = [pytest.mark.peer, pytest.mark.data]

#: Share of lines and of links that may differ: those where the original's last bit decides between equals.
LINES, LINKS = 0.01, 0.001


@pytest.mark.parametrize("name", ["enfr", "roen"])
def test_the_links_are_those_of_the_original(data, tmp_path, name):
    binary = shutil.which("fast_align")
    if binary is None:
        pytest.skip("fast_align is not on the path")
    lines = (data / f"wa-awesome-{name}" / f"{name}.src-tgt").read_text(encoding="utf-8").splitlines()
    text = tmp_path / "text"
    text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    bitext = Bitext.build(*zip(*(line.split(" ||| ") for line in lines), strict=True))
    model = FastAlign(lowercase=False).fit(bitext)
    for links, options in ((model.forward(bitext), []), (model.backward(bitext), ["-r"])):
        command = [binary, "-i", str(text), "-d", "-o", "-v", *options]
        # Its counts are unsynchronised where it has several threads.
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=one_thread)
        theirs = [set(x) for x in Links.from_pharaoh(done.stdout.splitlines()).to_pairs()]
        ours = [set(x) for x in links.to_pairs()]
        assert len(theirs) == len(ours)
        assert sum(a != b for a, b in zip(ours, theirs, strict=True)) <= LINES * len(lines)
        assert sum(len(a ^ b) for a, b in zip(ours, theirs, strict=True)) <= LINKS * sum(map(len, theirs))
