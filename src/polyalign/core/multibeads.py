"""MultiBeads: which runs of sentences correspond in any number of languages at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from polyalign.core.beads import Beads
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, Mask, frozen


@dataclass(frozen=True, slots=True, eq=False)
class MultiBeads:
    """A joint alignment of the versions of one document: segments that cover all of them, in order.

    Every pairwise alignment is a projection, so that the pairwise alignments cannot contradict one another. A segment
    may hold a part of a sentence only, where one language has a sentence for two of another; alignments of some of the
    languages, or of all (`select`), keep the cuts at which all of them are cut between sentences.

    Args:
        langs: The languages, L of them.
        cuts: Where each language is cut, from zeros to the numbers of sentences; segment k of language l is
            sentences ``cuts[k, l]`` up to ``cuts[k + 1, l]``, none if they are equal; shape (k + 1, L).
        score: How good each segment is, higher is better, shape (k,).
        inside: Whether a cut is inside the sentence of that number, which both segments then hold, shape (k + 1, L);
            nowhere by default.

    Raises:
        ValueError: A language named twice, shapes that do not fit, or cuts that fall, stand still or do not start at 0.

    Example:
        >>> m = MultiBeads(("deu_Latn", "roh_Latn", "ita_Latn"), [[0, 0, 0], [1, 1, 1], [2, 2, 1], [3, 4, 2]], [1, 1, 1])
        >>> m.ways().tolist(), m.project("deu_Latn", "ita_Latn").types()
        ([3, 2, 3], {'1-1': 2, '1-0': 1})
    """

    langs: tuple[str, ...]
    cuts: I32
    score: F32
    inside: Mask = field(default_factory=lambda: np.zeros((0, 0), np.bool_))

    def __post_init__(self) -> None:
        object.__setattr__(self, "langs", tuple(self.langs))
        object.__setattr__(self, "cuts", frozen(self.cuts, np.int32))
        object.__setattr__(self, "score", frozen(self.score, np.float32))
        if len(set(self.langs)) != len(self.langs) or not self.langs:
            raise ValueError(f"MultiBeads: expected one or more different languages, found {', '.join(self.langs)}")
        if self.cuts.shape != (len(self.score) + 1, len(self.langs)):
            raise ValueError(
                f"MultiBeads: expected cuts of shape {(len(self.score) + 1, len(self.langs))} for {len(self.score)} scores, found {self.cuts.shape}"
            )
        inside = self.inside if self.inside.size else np.zeros(self.cuts.shape, np.bool_)
        object.__setattr__(self, "inside", frozen(inside, np.bool_))
        if self.inside.shape != self.cuts.shape or bool(self.inside[[0, -1]].any()):
            raise ValueError("MultiBeads: inside must have the shape of cuts, and be false at the start and at the end")
        place = 2 * self.cuts.astype(np.int64) + self.inside
        if (
            bool(self.cuts[0].any())
            or bool((np.diff(place, axis=0) < 0).any())
            or not bool(self.has_text().any(axis=1).all())
        ):
            raise ValueError("MultiBeads: cuts must rise from zeros, each in at least one language")

    @classmethod
    def from_units(cls, langs: tuple[str, ...], members: I32, score: F32) -> MultiBeads:
        """From the sentence that each language has in each unit, -1 for none; a sentence may be in several that follow.

        Example:
            >>> m = MultiBeads.from_units(("deu_Latn", "eng_Latn"), [[0, 0], [1, 0], [2, -1]], [1, 1, 1])
            >>> m.cuts.tolist(), m.inside[:, 1].tolist(), m.project("deu_Latn", "eng_Latn").types()
            ([[0, 0], [1, 0], [2, 1], [3, 1]], [False, True, False, False], {'1-0': 1, '2-1': 1})
        """
        members = np.asarray(members, np.int32).reshape(-1, len(langs))
        last = np.full((len(members) + 1, len(langs)), -1, np.int32)
        np.maximum.accumulate(members, axis=0, out=last[1:])
        inside = np.zeros(last.shape, np.bool_)
        inside[:-1] = (members >= 0) & (members == last[:-1])
        return cls(langs, last + 1 - inside, score, inside)

    def __len__(self) -> int:
        return len(self.score)

    def has_text(self) -> Mask:
        """Whether each language has text in each segment, shape (k, L)."""
        return np.asarray(self.cuts[1:] + self.inside[1:] > self.cuts[:-1], np.bool_)

    def ways(self) -> I64:
        """The number of languages that have text in each segment, shape (k,)."""
        return np.asarray(self.has_text().sum(axis=1), np.int64)

    def column(self, lang: str) -> int:
        """Which column a language is.

        Raises:
            DataError: It is not one of them.
        """
        if lang not in self.langs:
            raise DataError(f"alignment of {', '.join(self.langs)}: no language {lang!r}; name one of these")
        return self.langs.index(lang)

    def select(self, langs: Sequence[str]) -> MultiBeads:
        """Of these languages alone, with the cuts at which all of them are cut between sentences.

        The score of a segment is the mean of those that it is made of. Over all languages these are the smallest
        segments that no sentence of any language crosses.

        Raises:
            DataError: A language that is not in the alignment.
        """
        columns = [self.column(lang) for lang in langs]
        cuts, text = self.cuts[:, columns], self.has_text()[:, columns].any(axis=1)
        whole = np.flatnonzero(~self.inside[:, columns].any(axis=1))
        begin = whole[:-1][np.diff(cuts[whole], axis=0).any(axis=1)]
        totals = [np.concatenate([[0.0], np.cumsum(np.where(text, x, 0.0))]) for x in (self.score, 1.0)]
        at = np.append(begin, len(self))
        score = np.diff(totals[0][at]) / np.maximum(np.diff(totals[1][at]), 1.0)
        return MultiBeads(
            tuple(langs), cuts[np.append(begin, len(self))] if len(begin) else cuts[:1], score[: len(begin)]
        )

    def project(self, src: str, tgt: str) -> Beads:
        """The alignment of two of the languages; segments in which neither has text drop out.

        Raises:
            DataError: A language that is not in the alignment.
        """
        two = self.select((src, tgt))
        return Beads(two.cuts[:-1, 0], two.cuts[1:, 0], two.cuts[:-1, 1], two.cuts[1:, 1], two.score)

    def to_table(self) -> pa.Table:
        """As columns ``score``, and ``start.X`` and ``end.X`` of every language X; a row a segment.

        Where a cut is inside a sentence, the ranges on both sides hold it.
        """
        columns = {"score": pa.array(self.score)}
        for number, lang in enumerate(self.langs):
            columns[f"start.{lang}"] = pa.array(np.ascontiguousarray(self.cuts[:-1, number]))
            columns[f"end.{lang}"] = pa.array(self.cuts[1:, number] + self.inside[1:, number].astype(np.int32))
        return pa.table(columns)

    @classmethod
    def from_table(cls, table: pa.Table) -> MultiBeads:
        """From the columns of `to_table`, whatever others there are.

        Raises:
            DataError: A column is missing, or the ranges of a language do not follow one another.
        """
        names = table.column_names
        langs = tuple(name.removeprefix("start.") for name in names if name.startswith("start."))
        missing = [c for c in ("score", *(f"end.{lang}" for lang in langs)) if c not in names]
        if missing or not langs:
            raise DataError(
                f"segments: column {', '.join(missing or ['start.LANGUAGE'])} missing, found {', '.join(names)}; expected score, and start.X and end.X of each language X"
            )
        cuts = np.zeros((table.num_rows + 1, len(langs)), np.int32)
        for number, lang in enumerate(langs):
            start, end = (table[f"{side}.{lang}"].to_numpy() for side in ("start", "end"))
            over = np.append(0, end[:-1])[: len(start)] - start
            if bool(((over < 0) | (over > 1) | (end < start)).any()):
                row = int(np.flatnonzero((over < 0) | (over > 1) | (end < start))[0])
                raise DataError(
                    f"segments row {row}: {lang} is sentences {start[row]} to {end[row]}, expected to begin where the row before ends; a table holds whole documents in order"
                )
            cuts[:-1, number] = start
            if len(end):
                cuts[-1, number] = end[-1]
        inside = np.zeros(cuts.shape, np.bool_)
        for number, lang in enumerate(langs):
            inside[1:-1, number] = (table[f"end.{lang}"].to_numpy()[:-1] - cuts[1:-1, number]) > 0
        return cls(langs, cuts, table["score"].to_numpy(), inside)

    def to_lines(self) -> list[str]:
        r"""A ladder as text: the languages, then a cut vector a line with the score of the segment it ends, tabs between.

        A cut inside a sentence is its number and ``+``.

        Example:
            >>> MultiBeads(("deu_Latn", "eng_Latn"), [[0, 0], [1, 2]], [0.5]).to_lines()
            ['deu_Latn\teng_Latn\tscore', '0\t0\t', '1\t2\t0.5000']
        """
        scores = ["", *(f"{score:.4f}" for score in self.score.tolist())]
        places = zip(self.cuts.tolist(), self.inside.tolist(), scores, strict=True)
        rows = [
            "\t".join([*(f"{cut}{'+' * within}" for cut, within in zip(c, i, strict=True)), s]) for c, i, s in places
        ]
        return ["\t".join([*self.langs, "score"]), *rows]
