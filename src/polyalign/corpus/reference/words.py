"""What a language's words are like: its stop words, and the usual length of words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import read_text, write_text
from polyalign.core.jit import F64, I64
from polyalign.core.ragged import offsets
from polyalign.corpus.counted import alone, word_counts
from polyalign.corpus.decoded import Decoded
from polyalign.corpus.dedup.clusters import columns_of
from polyalign.corpus.score.texts import column
from polyalign.kernels import characters


@dataclass(frozen=True, slots=True)
class WordProfile:
    """What Gopher's rules need to know of a language.

    Args:
        stop_words: Its most frequent words, most frequent first, in small letters.
        least_stop_words: How many different ones a text should have.
        word_length: Least and greatest usual mean length of a text's words, in characters; none in scripts without spaces.
        word_share: Least usual share of a text's words that hold a letter.
        texts: How many texts of the reference it was learned from.
    """

    stop_words: tuple[str, ...]
    least_stop_words: int
    word_length: tuple[float, float] | None
    word_share: float
    texts: int

    def save(self, path: Path) -> None:
        """Write a JSON file.

        Raises:
            DataError: It cannot be written.
        """
        values = {name: getattr(self, name) for name in self.__slots__}
        write_text(path, json.dumps(values, ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> WordProfile:
        """Read what `save` wrote.

        Raises:
            DataError: It cannot be read.
        """
        try:
            found = json.loads(read_text(path))
            low, high = found["word_length"] or (0, 0)
            return cls(
                tuple(found["stop_words"]), int(found["least_stop_words"]),
                (float(low), float(high)) if found["word_length"] else None,
                float(found["word_share"]), int(found["texts"]),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not a saved word profile ({error!r}); learn it anew") from None


@dataclass(frozen=True, slots=True)
class Words:
    r"""A language's stop words and usual word lengths, from a reference of its own text, for Gopher's rules.

    Stop words are all words that make up at least `share` of the reference, and the `fewest` most frequent ones in any case.
    The usual mean length of a text's words is within `deviations` standard deviations of its mean over texts, and the usual
    share of words that hold a letter is above the lowest `tail` of texts.

    Words are runs of letters, marks and digits, lower-cased; in scripts that put no spaces between words (Chinese, Japanese,
    Thai, Lao, Khmer, Burmese) each letter is one, as `corpus.score/stop-words` counts them. Where those are most of the
    words there is no usual length. In Chinese and Japanese the frequent letters are words (的, の); of the others hand in text
    with its words apart if stop words are to tell anything.

    **Differs:** FineWeb2 cuts words with a tokeniser for each language. `share`, `deviations` and `tail` are this library's.

    Args:
        share: Least share of the reference's words that a stop word makes up.
        fewest: Stop words there are at least.
        most: Stop words there are at most.
        required: How many different stop words a text should have.
        deviations: Standard deviations from the mean that a word length may be.
        tail: The share of texts below the least usual share of words with a letter.
        side: Of sentence pairs, the side to read: "src" or "tgt".

    Complexity: O(characters) time, memory for the different words.

    References: penedo2025fineweb2, rae2021scaling

    Example:
        >>> texts = pa.table({"text": ["the cat and the dog", "the sun and the moon"]})
        >>> Words(fewest=2, most=2).learn([texts]).stop_words
        ('the', 'and')
    """

    share: float = 0.008
    fewest: int = 8
    most: int = 50
    required: int = 2
    deviations: float = 2.0
    tail: float = 0.1
    side: str = "src"

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or not 0 <= self.tail < 1:
            raise ValueError(f"share and tail must be shares, not {self.share}, {self.tail}")
        if not 1 <= self.fewest <= self.most:
            raise ValueError(f"fewest and most must be 1 <= fewest <= most, not {self.fewest}, {self.most}")
        if self.side not in ("src", "tgt"):
            raise ValueError(f"side must be src or tgt, not {self.side!r}")

    def learn(self, reference: Iterable[Bitext | pa.Table]) -> WordProfile:
        """Read a reference of one language.

        Raises:
            DataError: It has no text, or no word.
        """
        counts: Counter[str] = Counter()
        lengths, shares, texts, letters, words = [np.zeros(0)], [np.zeros(0)], 0, 0, 0
        for run in reference:
            table = run.table if isinstance(run, Bitext) else run
            name = self.side if "src" in table.column_names else columns_of(table, "both")[0]
            found = Decoded(column(table, name))
            counts += word_counts(found)
            texts += len(found)
            single, of = alone(found), np.repeat(np.arange(len(found)), found.words.counts)
            letters, words = letters + int(single.sum()), words + len(single)
            running = offsets(found.kinds & characters.LETTER > 0)
            lettered = running[found.words.ends] > running[found.words.starts]
            lengths.append(_means(of[~single], found.words.lengths[~single], len(found)))
            shares.append(_means(of, lettered, len(found)))
        if not counts:
            raise DataError("corpus.thresholds/words: found no word in the reference, expected text of the language")
        total = counts.total()
        # Ties in the order of the alphabet, whatever the order of the texts.
        ranked = sorted(counts, key=lambda w: (-counts[w], w))
        frequent = sum(counts[w] >= self.share * total for w in ranked)
        usual = None
        if 2 * letters <= words:
            per_text = np.concatenate(lengths)
            mean, deviation = float(per_text.mean()), self.deviations * float(per_text.std())
            usual = round(max(0.0, mean - deviation), 3), round(mean + deviation, 3)
        return WordProfile(
            tuple(ranked[: min(self.most, max(self.fewest, frequent))]),
            self.required,
            usual,
            round(float(np.quantile(np.concatenate(shares), self.tail)), 3),
            texts,
        )


def _means(of: I64, values: npt.ArrayLike, texts: int) -> F64:
    """The mean value of the words of each text that has any."""
    counts = np.bincount(of, minlength=texts)
    return np.asarray(np.bincount(of, np.asarray(values, np.float64), texts)[counts > 0] / counts[counts > 0])
