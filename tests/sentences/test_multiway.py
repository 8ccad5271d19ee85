"""The joint aligner: its kernels against slow references, its promises, and a corpus with known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.document import Document
from polyalign.core.errors import ConfigError, DataError, UnknownMethodError
from polyalign.core.multibeads import MultiBeads
from polyalign.kernels.multiway import add_language, agreement, tidy
from polyalign.sentences.multiway import Joint, _Evidence, _pairs
from polyalign.sentences.project import Pair
from polyalign.sentences.segments import by_document, segments_table

LANGS = ("deu_Latn", "eng_Latn", "nld_Latn")


def document(*sentences, id="d"):
    return Document(id, sentences, np.zeros(len(sentences), np.int32))


def ways(members, size, new):
    """Every way to lay `size` sentences of language `new` along the units."""
    units = len(members)
    carried = [(members[x] == members[x - 1]) & (members[x] >= 0) if x else members[x] < -1 for x in range(units)]

    def rows(x, t):
        row = members[x].copy()
        row[new] = t
        return row

    def go(x, t, within):
        if x == units and t == size and not within:
            yield []
        if not within and x < units:
            for rest in go(x + 1, t, False):
                yield [members[x], *rest]
        if t < size:
            if not within:
                alone = np.full(members.shape[1], -1)
                if x < units:
                    alone[carried[x]] = members[x][carried[x]]
                alone[new] = t
                for rest in go(x, t + 1, False):
                    yield [alone, *rest]
            for until in range(x, units):
                covered = [rows(y, t) for y in range(x, until + 1)]
                for rest in go(until + 1, t + 1, False):
                    yield [*covered, *rest]
                for rest in go(until, t + 1, True):
                    yield [*covered, *rest]

    return go(0, 0, False)


def worth_of(members, new, first, low, high, prob, price):
    """Over the distinct pairs of sentences that share a unit."""
    pairs = {(a, int(row[a]), int(row[new])) for row in members for a in range(len(row)) if a != new and row[a] >= 0 and row[new] >= 0}  # fmt: skip
    total = 0.0
    for a, s, t in pairs:
        r, q = first[a] + s, first[new] + t
        linked = low[r, new] <= t < high[r, new]
        total += linked * prob[r, new] - price * (prob[r, new] + prob[q, a]) / 2
    return total


@st.composite
def cases(draw):
    """Two languages in units, a third to be laid along, and any links and probabilities."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, size = int(rng.integers(1, 4)), int(rng.integers(0, 4))
    members = np.full((n, 3), -1, np.int32)
    for lang in (0, 1):
        now = -1
        for x in range(n):
            move = rng.integers(3)
            if move == 0 or (move == 1 and x and members[x - 1, lang] >= 0):
                now += move == 0
                members[x, lang] = now
    sizes = [members[:, 0].max() + 1, members[:, 1].max() + 1, size]
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    low = np.zeros((first[-1], 3), np.int32)
    high = np.zeros((first[-1], 3), np.int32)
    for lang in range(3):
        for other in range(3):
            cut = np.sort(rng.integers(0, sizes[other] + 1, 2 * sizes[lang]))
            low[first[lang] : first[lang + 1], other] = cut[::2]
            high[first[lang] : first[lang + 1], other] = cut[1::2]
    prob = rng.random((first[-1], 3)).astype(np.float32)
    return tidy(members), first, low, high, prob


@given(cases())
def test_a_language_is_laid_along_at_the_greatest_worth(case):
    members, first, low, high, prob = case
    known = ~np.eye(3, dtype=np.bool_)
    inside = np.array([True, True, False])
    found, total = add_language(members, 2, first, low, high, prob, known, inside, 0.4)
    best = max(worth_of(w, 2, first, low, high, prob, 0.4) for w in ways(members, int(first[3] - first[2]), 2))
    assert total == pytest.approx(best, abs=1e-5)
    assert worth_of(found, 2, first, low, high, prob, 0.4) == pytest.approx(best, abs=1e-5)
    # The others are as they were.
    rest = found.copy()
    rest[:, 2] = -1
    assert tidy(rest).tolist() == members.tolist()


@given(st.lists(st.lists(st.integers(-1, 2), min_size=2, max_size=2), max_size=6))
def test_tidy_parts_no_pair_and_joins_none(rows):
    members = np.array(rows, np.int32).reshape(-1, 2)

    def shared(m):
        return {(int(a), int(b)) for a, b in m if a >= 0 and b >= 0}

    once = tidy(members)
    assert shared(once) == shared(members)
    assert {int(a) for a in once[:, 0]} - {-1} == {int(a) for a in members[:, 0]} - {-1}
    assert len(once) <= len(members)


def test_agreement_is_jaccard_times_probability():
    members = np.array([[0, 0], [1, 0], [2, -1]], np.int32)
    first, known = np.array([0, 3, 4]), ~np.eye(2, dtype=np.bool_)
    # The pairwise alignment has 1-1, 2 without, the last right.
    low = np.array([[0, 0], [0, 1], [0, 1], [0, 0]], np.int32)
    high = np.array([[0, 1], [0, 1], [0, 1], [1, 0]], np.int32)
    prob = np.array([[0, 0.8], [0, 0.6], [0, 1], [0.8, 0]], np.float32)
    # Unit 0: 0.8 * 1 and 0.8 * 1/2; unit 1: 0 and 0.8 * 1/2; unit 2: no link, and none is right.
    assert agreement(members, first, low, high, prob, known) == pytest.approx([0.6, 0.2, 1.0])


def planted(seed, languages=4, lines=30, rate=0.1):
    """Documents in invented languages whose sentences are merged, split or left out, and what unit each is of."""
    rng = np.random.default_rng(seed)
    words = [[f"{chr(97 + k)}{w}" for w in range(400)] for k in range(languages)]
    text = [rng.integers(0, 400, rng.integers(4, 12)) for _ in range(lines)]
    versions, owners = [], []
    for k in range(languages):
        sentences, own = [], []
        for line, ids in enumerate(text):
            said = [words[k][i] for i in ids]
            draw = rng.random()
            if draw < rate:
                continue
            if draw < 2 * rate and sentences:
                sentences[-1] += " " + " ".join(said)
                own[-1].append(line)
            elif draw < 3 * rate:
                sentences += [" ".join(said[: len(said) // 2]), " ".join(said[len(said) // 2 :])]
                own += [[line], [line]]
            else:
                sentences.append(" ".join(said))
                own.append([line])
        versions.append(tuple(sentences))
        owners.append(own)
    return versions, owners


def evidence_of(owners, rng, wrong=0.0):
    """Pairwise alignments with the truth's links, some beads astray by one."""
    e = _Evidence.empty(np.array([len(o) for o in owners], np.int64))
    e.known[:] = ~np.eye(len(owners), dtype=np.bool_)
    for a, own in enumerate(owners):
        for b, other in enumerate(owners):
            at = 0
            for s, lines in enumerate(own):
                row = e.first[a] + s
                mine = [t for t, theirs in enumerate(other) if set(lines) & set(theirs)]
                shift = int(rng.random() < wrong) if a != b and mine else 0
                at = mine[0] if mine else at
                e.low[row, b] = min(at + shift, len(other))
                at = mine[-1] + 1 if mine else at
                e.high[row, b], e.prob[row, b] = min(at + shift, len(other)), 0.4 if shift else 0.9
    return e


def right(m, owners):
    """Links right, links found and links there are, over all pairs of languages."""
    hit = found = there = 0
    for a in range(len(owners)):
        for b in range(a + 1, len(owners)):
            beads = m.project(m.langs[a], m.langs[b]).to_indices()
            links = {(i, j) for s, t in beads for i in s for j in t}
            truth = {(i, j) for i, x in enumerate(owners[a]) for j, y in enumerate(owners[b]) if set(x) & set(y)}
            hit, found, there = hit + len(links & truth), found + len(links), there + len(truth)
    return 2 * hit / (found + there)


@pytest.mark.parametrize("seed", range(3))
def test_true_evidence_gives_the_truth_and_errors_are_outvoted(seed):
    _, owners = planted(seed)
    langs = ("a", "b", "c", "d")
    rng = np.random.default_rng(seed)
    # Not always all of it: where many languages merge at one place, views hold a little more than they must.
    assert right(Joint()._solve(langs, evidence_of(owners, rng)), owners) > 0.95
    astray = evidence_of(owners, rng, wrong=0.15)
    hit = found = there = 0
    for a in range(4):
        for b in (b for b in range(4) if b != a):
            truth = {(i, j) for i, x in enumerate(owners[a]) for j, y in enumerate(owners[b]) if set(x) & set(y)}
            rows = enumerate(range(astray.first[a], astray.first[a + 1]))
            links = {(i, j) for i, r in rows for j in range(astray.low[r, b], astray.high[r, b])}
            hit, found, there = hit + len(links & truth), found + len(links), there + len(truth)
    assert right(Joint()._solve(langs, astray), owners) > 2 * hit / (found + there) + 0.03


def test_end_to_end_on_documents():
    versions, owners = zip(*(planted(seed, languages=3, lines=40, rate=0.05) for seed in range(6)), strict=True)
    given_ = {lang: [document(*v[k], id=str(d)) for d, v in enumerate(versions)] for k, lang in enumerate(LANGS)}
    joint = Joint(aligner="lexical").align(given_)
    assert np.mean([right(m, o) for m, o in zip(joint, owners, strict=True)]) > 0.9
    again = Joint(aligner="lexical").align(given_)
    assert [m.cuts.tobytes() + m.score.tobytes() for m in joint] == [
        m.cuts.tobytes() + m.score.tobytes() for m in again
    ]
    table = segments_table(given_, joint)
    for (name, read), (number, made) in zip(by_document(table).items(), enumerate(joint), strict=True):
        assert name == str(number)
        for view in ("whole", "fine"):
            beads = [Pair(view).project(m, LANGS[0], LANGS[2]).to_indices() for m in (read, made)]
            assert beads[0] == beads[1]
    whole = Pair().project(joint[0], LANGS[0], LANGS[2])
    assert len(whole) <= len(Pair("fine").project(joint[0], LANGS[0], LANGS[2]))


def test_a_version_may_be_missing_or_empty():
    de = [document("Eins.", "Zwei."), None, document(id="f"), None]
    en = [document("One.", "Two."), document("Only.", id="e"), document("Here.", id="f"), None]
    nl = [None, document("Alleen.", id="e"), document("Hier.", id="f"), None]
    joint = Joint(aligner="gale-church").align(dict(zip(LANGS, (de, en, nl), strict=True)))
    assert [m.cuts[-1].tolist() for m in joint] == [[2, 2, 0], [0, 1, 1], [0, 1, 1], [0, 0, 0]]
    assert [len(m) for m in joint] == [2, 1, 1, 0]
    read = by_document(segments_table(dict(zip(LANGS, (de, en, nl), strict=True)), joint))
    assert [m.cuts[-1].tolist() for m in read.values()] == [[2, 2, 0], [0, 1, 1], [0, 1, 1]]
    alone = Joint(aligner="gale-church").align({"deu_Latn": [document("Eins.", "Zwei.")]})
    assert alone[0].cuts.tolist() == [[0], [1], [2]]
    assert Joint(aligner="gale-church").align({"deu_Latn": [], "eng_Latn": []}) == []


def test_many_languages_are_aligned_with_some():
    _, owners = planted(7, languages=9)
    names = tuple(f"l{k}" for k in range(9))
    e = evidence_of(owners, np.random.default_rng(0))
    pairs = _pairs(np.arange(9), 3)
    mask = np.zeros((9, 9), np.bool_)
    for a, b in pairs:
        mask[a, b] = mask[b, a] = True
    e.known[:] = mask
    assert len(pairs) < 36
    assert right(Joint(partners=3)._solve(names, e), owners) > 0.92


def test_a_long_gap_in_one_language_is_crossed():
    owners = [[[k] for k in range(300)], [[k] for k in range(300) if not 50 <= k < 250], [[k] for k in range(300)]]
    m = Joint()._solve(LANGS, evidence_of(owners, np.random.default_rng(0)))
    assert right(m, owners) == 1.0
    assert (m.ways() == 2).sum() == 200


def test_scores_that_are_no_probabilities_count_as_certainty():
    beads = MultiBeads(("a", "b"), [[0, 0], [1, 1]], [-3.0]).project("a", "b")
    e = _Evidence.empty(np.array([1, 1], np.int64))
    e.add(0, 1, beads)
    assert e.prob.tolist() == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize("options", [{"price": 0.0}, {"price": 1.0}, {"partners": 0}, {"rounds": -1}])
def test_it_refuses_parameters(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Joint(**options)


def test_it_refuses_input():
    one = document("One.")
    with pytest.raises(DataError, match="1 of deu_Latn, 2 of eng_Latn"):
        Joint().align({"deu_Latn": [one], "eng_Latn": [one, one]})
    with pytest.raises(DataError, match="no language"):
        Joint().align({})
    with pytest.raises(UnknownMethodError, match="lexical"):
        Joint(aligner="lexica").align({"deu_Latn": [one]})
    with pytest.raises(ConfigError, match="aligner_options"):
        Joint(aligner="lexical", aligner_options={"x": 1}).align({"deu_Latn": [one]})
    with pytest.raises(DataError, match="2 documents of deu_Latn and 0 alignments"):
        segments_table({"deu_Latn": [one, one]}, [])


def test_a_view_needs_whole_documents():
    one = document("One.")
    m = MultiBeads(LANGS[:2], [[0, 0], [1, 1]], [1.0])
    table = segments_table({"deu_Latn": [one, one, one], "eng_Latn": [one, one, one]}, [m, m, m])
    names = table.set_column(1, "doc", [["a", "b", "a"]])
    with pytest.raises(DataError, match="begins again"):
        by_document(names)
    with pytest.raises(DataError, match="doc missing"):
        by_document(table.drop_columns(["doc"]))
    assert segments_table({"deu_Latn": []}, []).num_rows == 0
