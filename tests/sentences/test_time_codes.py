"""Cues aligned by their times: versions that start late, run faster, lack cues, or are of another film."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.core.progress import event_log
from polyalign.sentences.gale_church import GaleChurch
from polyalign.sentences.time_codes import TimeCodes, TimedDocument, synchronised


def film(cues=300, seed=1):
    """Cues of a film, at times that nobody could guess."""
    rng = np.random.default_rng(seed)
    starts = 20 + np.cumsum(rng.gamma(1.2, 3.0, cues) + 1.0)
    times = np.stack(
        [starts, starts + np.minimum(rng.uniform(0.8, 4, cues), np.append(np.diff(starts), 9) - 0.1)], axis=1
    )
    texts = tuple(" ".join(["wort"] * int(rng.integers(1, 9))) for _ in range(cues))
    return TimedDocument("f", texts, np.arange(cues), times)


def taken(d, keep):
    keep = np.asarray(keep)
    return TimedDocument(d.id, tuple(d.sentences[k] for k in keep), np.arange(len(keep)), d.times[keep])


@pytest.mark.parametrize(
    ("speed", "offset"), [(1.0, 0.0), (1.0, 12.34), (25 / 24, -7.5), (24 / 23.976, 60), (23.976 / 25, 200)]
)
def test_speed_and_offset_are_found(speed, offset):
    src = film()
    rng = np.random.default_rng(2)
    moved = src.times * speed + offset + rng.normal(0, 0.1, src.times.shape)
    laid = synchronised(src.times, moved)
    assert abs(laid.speed - speed) < 2e-4
    assert abs(laid.offset - offset) < 0.2
    assert laid.correlation > 0.8
    beads = TimeCodes().align([src], [replace(src, times=moved)])[0]
    assert beads.types() == {"1-1": 300}
    assert beads.score.mean() > 0.9


def test_cues_that_are_missing_joined_and_divided():
    src = film()
    keep = [k for k in range(300) if k not in (5, 6, 77) and not 120 <= k < 150]
    tgt = taken(src, keep)
    beads = TimeCodes().align([src], [tgt])[0].to_indices()
    assert [b for b in beads if b[0] and b[1]] == [((k,), (n,)) for n, k in enumerate(keep)]
    # Two cues of the one that are one of the other.
    times = np.concatenate([src.times[:10], [[src.times[10, 0], src.times[11, 1]]], src.times[12:]])
    joined = TimedDocument(
        "f", (*src.sentences[:10], " ".join(src.sentences[10:12]), *src.sentences[12:]), np.arange(299), times
    )
    assert ((10, 11), (10,)) in TimeCodes().align([src], [joined])[0].to_indices()
    assert ((10,), (10, 11)) in TimeCodes().align([joined], [src])[0].to_indices()


def test_documents_without_times_or_of_another_film_are_aligned_by_text(tmp_path):
    src, other = film(60, 1), film(60, 9)
    plain = Document("f", src.sentences, src.paragraphs)
    half = replace(src, times=np.where(np.arange(60)[:, None] == 3, np.nan, src.times))
    want = GaleChurch().align([plain, plain, src], [src, src, other])
    with event_log(tmp_path / "events"):
        got = TimeCodes(fallback="gale-church", least_correlation=0.5).align([plain, half, src], [src, src, other])
    assert [b.to_indices() for b in got] == [b.to_indices() for b in want]
    messages = [json.loads(x)["message"] for x in (tmp_path / "events").read_text().splitlines() if '"note"' in x]
    assert messages == ["time codes: 3 of 3 pairs of documents have none that fit; aligned by gale-church"]
    assert synchronised(src.times, other.times).correlation < 0.5
    assert len(TimeCodes().align([plain], [src])[0].to_indices()) > 0


def test_empty_versions_and_one_cue():
    empty = TimedDocument("f", (), np.zeros(0, np.int32), np.zeros((0, 2)))
    one = TimedDocument("f", ("a",), np.zeros(1, np.int32), np.array([[1.0, 2.0]]))
    assert TimeCodes().align([empty, one, empty], [one, one, empty])[1].to_indices() == [((0,), (0,))]
    assert TimeCodes().align([], []) == []


def test_marks_are_times_and_sentences_of_a_cue_share_its_time():
    d = Document.from_lines(["abc", "d", "x", "y"])
    marks = ["00:00:01.000 --> 00:00:03.000", "00:00:01.000 --> 00:00:03.000", "page 3", None]
    times = TimedDocument.of(d, marks).times
    assert times[:2].tolist() == [[1.0, 2.5], [2.5, 3.0]]
    assert np.isnan(times[2:]).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tolerance": 0.0}, "tolerance must be above 0"),
        ({"max_offset": -1.0}, "max_offset and length_weight 0 or more"),
        ({"max_size": 1}, "max_size must be from 2 to 20"),
        ({"least_correlation": 2.0}, "least_correlation must be from -1 to 1"),
    ],
)
def test_parameters_out_of_range_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        TimeCodes(**given)


def test_one_time_a_sentence():
    with pytest.raises(ValueError, match="found 1 times for 0 sentences"):
        TimedDocument("f", (), np.zeros(0, np.int32), np.array([[1.0, 2.0]]))


#: Where the versions of Elephants Dream are not one cue with one (cues from 1, aligned by hand).
GOLD = {
    ("en", "ru"): ("13=13,14 23=24,25 43=45,46 50=53,54 =71 75=80,81"),
    ("en", "sv"): ("13=13,14 23=24,25 27=29,30 36,37=39 42,43=44,45,46 54,55=57 75=77,78"),
    ("ru", "sv"): ("29=29,30 38,39=39 44,45=44,45 53,54=53 58,59=57 71="),
}


def cues(path):
    blocks = re.split(r"\n\s*\n", path.read_text(encoding="utf-8-sig").replace("\r", ""))[1:]
    rows = [b.strip().split("\n") for b in blocks if b.strip()]
    texts = tuple(" ".join(r[2:]) for r in rows)
    return TimedDocument.of(Document(path.name, texts, np.arange(len(rows))), [r[1] for r in rows])


def gold(spec, n, m):
    special = [tuple([int(x) - 1 for x in side.split(",") if x] for side in one.split("=")) for one in spec.split()]
    beads, i, j = [], 0, 0
    while i < n or j < m:
        own = [s for s in special if (s[0] and s[0][0] == i) or (not s[0] and s[1][0] == j)]
        a, b = own[0] if own else ([i], [j])
        beads.append((tuple(a), tuple(b)))
        i, j = i + len(a), j + len(b)
    return beads


@pytest.mark.data
@pytest.mark.parametrize("pair", list(GOLD))
def test_subtitles_of_a_film(data, pair):
    src, tgt = (cues(data / f"sub-elephantsdream/captions.{lang}.vtt") for lang in pair)
    want = set(gold(GOLD[pair], len(src), len(tgt)))
    for speed, offset in ((1.0, 0.0), (25 / 24, 12.3)):
        moved = replace(tgt, times=tgt.times * speed + offset)
        got = set(TimeCodes().align([src], [moved])[0].to_indices())
        assert len(got & want) / len(got) > 0.95
        assert len(got & want) / len(want) > 0.95
    text = set(GaleChurch(paragraphs="ignore").align([src], [tgt])[0].to_indices())
    assert len(text & want) < len(got & want)
