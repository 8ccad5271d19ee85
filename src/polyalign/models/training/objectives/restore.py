"""Restore a text whose words were replaced by their translations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.files import PathText
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.mix import mix_of
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import Rows, causal_only
from polyalign.models.training.packing import SKIP, Blocks, Marks, Row, plain
from polyalign.models.training.switching import Switcher, check_switching


@dataclass(frozen=True, slots=True)
class Restore:
    """Restore passages of documents from what is left of them when some words are replaced by their translations.

    The model reads the switched passage, a line break, and predicts the passage as it was: ``-mean log p(y_k | switched,
    y_1 ... y_(k-1))``. Only monolingual text is needed, and translations: those that our links of the bitexts pair most often
    in both directions, or a lexicon's.

    **Differs:** the paper does this to an encoder with a decoder, by an induced dictionary; here a causal model reads both in
    one row.

    Args:
        share: Share of the words that are replaced, of those that have a translation.
        lexicon: Lexicon as `polyalign lexicon` writes it; none for the links of the bitexts. Its languages are not looked at.
        min_count: Links that two words need.

    Raises:
        ValueError: A parameter out of range.

    References: zan2022bridging
    """

    takes: ClassVar[Takes] = "links"

    share: float = 0.3
    lexicon: PathText | None = None
    min_count: int = 2

    def __post_init__(self) -> None:
        check_switching(self.share, self.min_count)

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Cut the documents into passages.

        Raises:
            ConfigError: The model is no causal one, or a length without room for a passage twice.
            DataError: No documents, or no translations.
        """
        causal_only(made, "restore")
        switcher = Switcher.read(data, self.lexicon, share=self.share, min_count=self.min_count, name="restore")
        mix = mix_of(data, seed=seed)
        around = Marks.of(made, mix.mark)
        names, which, number = mix.drawn(data.documents, data.lang, batch)
        between = made.tokenizer("\n", add_special_tokens=False)["input_ids"]
        # A switched passage may be half as long again as the passage.
        both = length - len(around.before) - len(around.after) - len(between)
        room = int(both * 0.4)
        longest = both - room
        if room < 1:
            raise ConfigError(
                f"restore: length = {length} leaves no room for a passage twice, expected more; raise length"
            )
        cut = Marks((), around.after, False)
        sources = [Blocks(plain(made), data.documents[n], length=room, marks=cut, seed=seed, name=n) for n in names]
        tokenizer = made.tokenizer

        def row(k: int, n: int, random: np.random.Generator) -> Row:
            ids, _ = sources[k][n]
            text = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
            changed = switcher.switched(text, names[k].split("/")[0], random)
            read = tokenizer(changed, add_special_tokens=False, verbose=False)["input_ids"]
            if len(read) > longest:
                # Its translations are so much longer that there is no room for both: it is read as it is.
                read = ids.tolist()
            whole = [*around.before, *read, *between, *ids.tolist(), *around.after]
            known = len(around.before) + len(read) + len(between)
            labels = [SKIP] * known + whole[known:]
            return np.asarray(whole, np.int32), np.asarray(labels, np.int32)

        def rows(step: int) -> Sequence[Row]:
            step %= len(which)
            random = generator(seed, f"restore {step}")
            return [row(k, n, random) for k, n in zip(which[step].tolist(), number[step].tolist(), strict=True)]

        return Rows(made, rows)
