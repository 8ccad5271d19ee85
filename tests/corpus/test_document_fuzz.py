"""Valid files with bytes changed: every format gives a text, a reject or a DataError, never anything else."""

from __future__ import annotations

import io
import zipfile

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.corpus.documents.files import Files
from polyalign.corpus.documents.texts import BLANK, MARKED_DOCUMENTS, Blocks, Reject, Remark, valid
from tests.corpus.document_samples import SAMPLES

FORMATS = [(ending, library) for ending, library in (*((e, None) for e in SAMPLES if e not in (".pdf", ".warc")), (".pdf", "pypdf"), (".warc", "warcio"))]  # fmt: skip
PIECES = [b"", b"\0", b"\xff", b"<", b">", b"&", b"\n\n", b"-1", b"99999999999", b"<!DOCTYPE x [", b"endobj", b"\xd8\x00", b"{\\p1}", b"-->", b"1-9999999999", b"%PDF-"]  # fmt: skip

change = st.tuples(st.floats(0, 1), st.integers(0, 40), st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)))


def mutate(data, changes):
    for at, length, piece in changes:
        start = int(at * len(data))
        data = data[:start] + piece + data[start + length :]
    return data


def survives(data, ending):
    reader = Files("", max_bytes=1 << 24)
    try:
        items = list(reader.extract(io.BytesIO(data), "a" + ending))
    except DataError:
        return
    for item in items:
        if isinstance(item, Reject):
            assert item.reason
            continue
        if isinstance(item, Remark):
            assert item.message
            continue
        item.text.encode("utf-8")
        starts = [at for at, _ in item.marks]
        assert starts == sorted(starts)
        assert all(0 <= at <= len(item.text) for at in starts)
        if ending != ".txt":
            assert all(block.strip() for block in item.text.split(BLANK))
        row = {"doc": "a", "lang": "und", "text": item.text, "source": item.part, "title": valid(item.title),
               "marks": [{"start": a, "name": n} for a, n in item.marks]}  # fmt: skip
        assert len(pa.Table.from_pylist([row], MARKED_DOCUMENTS)) == 1


@pytest.mark.parametrize(("ending", "library"), FORMATS)
def test_files_with_bytes_changed(ending, library):
    if library:
        pytest.importorskip(library)

    @settings(max_examples=40)
    @given(st.lists(change, min_size=1, max_size=8))
    def check(changes):
        survives(mutate(SAMPLES[ending], changes), ending)

    check()


@pytest.mark.parametrize("ending", [".docx", ".odt", ".epub"])
def test_archives_with_members_changed(ending):
    """A changed byte in a packed member is found by its checksum: so the members are changed before they are packed."""
    with zipfile.ZipFile(io.BytesIO(SAMPLES[ending])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    @settings(max_examples=40)
    @given(st.lists(st.tuples(st.sampled_from(sorted(members)), change), min_size=1, max_size=6))
    def check(changes):
        changed = dict(members)
        for name, one in changes:
            changed[name] = mutate(changed[name], [one])
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, content in changed.items():
                archive.writestr(name, content)
        survives(file.getvalue(), ending)

    check()


@pytest.mark.parametrize("ending", [".html", ".srt", ".vtt", ".ass", ".conllu", ".txt"])
def test_any_text(ending):
    @settings(max_examples=40)
    @given(st.text(max_size=300))
    def check(text):
        survives(text.encode("utf-8", "surrogatepass"), ending)

    check()


@settings(max_examples=100)
@given(st.lists(st.one_of(st.tuples(st.sampled_from(["add", "flow"]), st.text(alphabet="ab \n\t\u00a0", max_size=8)), st.tuples(st.sampled_from(["mark", "end", "line"]), st.just("m")))))  # fmt: skip
def test_blocks_of_any_pieces(pieces):
    blocks = Blocks()
    names, letters = 0, []
    for verb, text in pieces:
        if verb == "mark":
            blocks.mark(f"{names}:{sum(map(len, letters))}")
            names += 1
        elif verb in ("end", "line"):
            getattr(blocks, verb)()
        else:
            getattr(blocks, verb)(text)
            letters.append("".join(c for c in text if c in "ab\u00a0"))
    text, marks = blocks.taken()
    # No letter is lost, and each mark stands behind the letters that were there before it.
    assert "".join(c for c in text if c in "ab\u00a0") == "".join(letters)
    assert [name.split(":")[0] for _, name in marks] == [str(n) for n in range(names)]
    for at, name in marks:
        assert sum(c in "ab\u00a0" for c in text[:at]) == int(name.split(":")[1])
    assert BLANK + "\n" not in text
    assert text == text.strip(" \t\n")
