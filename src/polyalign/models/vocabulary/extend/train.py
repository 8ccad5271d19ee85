"""A whole new vocabulary, with the special tokens and the chat template of the base."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from polyalign.core.errors import DataError
from polyalign.core.progress import note
from polyalign.models.vocabulary.extend.words import stretches
from polyalign.models.vocabulary.pieces import SPACE, Pieces, byte_characters, parts, pieces_of, rebuilt
from polyalign.models.vocabulary.reachable import unreachable

#: What segments, and how pieces are written.
Kind = Literal["byte-level", "bpe", "unigram"]
#: Log probability of a single byte in a unigram tokenizer: below any piece's.
_BYTE = -25.0


@dataclass(frozen=True, slots=True)
class Train:
    """Train a whole new tokenizer on texts, to take the place of the base's.

    Three kinds, all without loss, since what no piece has is written as single bytes: byte-level (BPE over UTF-8, as GPT-2
    and Llama 3 have), bpe (over characters, a space as U+2581, as Llama 2 and Gemma), unigram (of the pieces with the highest
    ``sum_i log p(piece_i)``, as T5 and XLM-R). The base's tokens outside its model (special tokens and others) come first, in
    their order; what it puts around a text, its chat template and its settings stay. A byte-level base's pre-tokenizer is kept
    for a byte-level one.

    The rows of pieces that both vocabularies have are kept by `models.rows`; all other rows are new, so that the model has more
    to learn again than after `models.extend/bpe`.

    Args:
        kind: What segments.
        pieces: How many pieces besides the tokens outside the model; fewer if the text has no more, which is said.
        minimum_count: Least count of a pair; not for unigram.
        longest: Most characters of a piece; not for byte-level.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(text) to count words, then that of the tokenizers library's trainers.

    References: sennrich2016neural, kudo2018subword, kudo2018sentencepiece, radford2019language
    """

    kind: Kind = "byte-level"
    pieces: int = 16_000
    minimum_count: int = 2
    longest: int = 16

    def __post_init__(self) -> None:
        if self.pieces < 300:
            raise ValueError(f"pieces must be at least 300, since there are 256 bytes, got {self.pieces}")
        if self.minimum_count < 1:
            raise ValueError(f"minimum_count must be at least 1, got {self.minimum_count}")
        if self.longest < 2:
            raise ValueError(f"longest must be at least 2, got {self.longest}")

    def fit(self, tokenizer: Any, texts: Iterable[str]) -> Any:
        """Train a tokenizer.

        Args:
            tokenizer: The base, a fast tokenizer of transformers; it stays as it is.
            texts: Text of all languages that the model is to have.

        Returns:
            The new tokenizer.

        Raises:
            DataError: No word in the texts.
        """
        from transformers import PreTrainedTokenizerFast

        base = pieces_of(tokenizer)
        outside = sorted(base.content["added_tokens"], key=lambda t: int(t["id"]))
        learnt = self._trained(base, texts)
        number = {t["content"]: k for k, t in enumerate(outside)}
        content = {**learnt, "truncation": None, "padding": None}
        content["added_tokens"] = [{**t, "id": number[t["content"]]} for t in outside]
        content["post_processor"] = _renumbered(base.content["post_processor"], number)
        model = content["model"]
        if self.kind == "unigram":
            kept = [[t, s] for t, s in model["vocab"] if t not in number][: self.pieces - 256]
            model["vocab"] = [*([t, 0.0] for t in number), *kept, *([f"<0x{b:02X}>", _BYTE] for b in range(256))]
            unknown = tokenizer.unk_token if tokenizer.unk_token in number else None
            model |= {"byte_fallback": True, "unk_id": None if unknown is None else number[unknown]}
        else:
            found = sorted((p for p in model["vocab"] if p not in number), key=model["vocab"].__getitem__)
            first = [f"<0x{b:02X}>" for b in range(256)] if self.kind == "bpe" else []
            model["vocab"] = number | {t: len(number) + k for k, t in enumerate([*first, *found])}
            model["byte_fallback"] = self.kind == "bpe"
        # A class of its own may insist on its own kind of tokenizer when it is loaded again.
        made: Any = PreTrainedTokenizerFast
        plain = made(tokenizer_object=copy.deepcopy(tokenizer.backend_tokenizer), **_settings(tokenizer))
        plain.chat_template = tokenizer.chat_template
        out = rebuilt(plain, content)
        if self.kind == "unigram" and (dead := set(unreachable(pieces_of(out)))):
            model["vocab"] = [entry for i, entry in enumerate(model["vocab"]) if i not in dead]
            out = rebuilt(plain, content)
        if len(out) - len(number) < self.pieces:
            note(
                f"models.extend/train: {len(out) - len(number):,} pieces of the {self.pieces:,} asked for; the texts have no more"
            )
        return out

    def _trained(self, base: Pieces, texts: Iterable[str]) -> dict[str, Any]:
        from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

        found, counts = stretches(texts)
        if not any(found):
            raise DataError(
                "models.extend/train: found no word in the texts, expected some; check that the text is not empty"
            )
        backend = Tokenizer(models.Unigram() if self.kind == "unigram" else models.BPE())
        if self.kind == "byte-level":
            own = base.style == "byte-level"
            digits = pre_tokenizers.Digits(individual_digits=True)
            level = pre_tokenizers.ByteLevel(add_prefix_space=False)
            backend.pre_tokenizer = (
                base.tokenizer.backend_tokenizer.pre_tokenizer if own else pre_tokenizers.Sequence([digits, level])
            )
            backend.normalizer = base.tokenizer.backend_tokenizer.normalizer if own else None
            backend.decoder = decoders.ByteLevel()
        else:
            backend.pre_tokenizer = pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="never", split=True),
                    pre_tokenizers.Split(Regex(r"[^\S ]"), "isolated"),
                    pre_tokenizers.Punctuation(),
                    pre_tokenizers.Digits(individual_digits=True),
                ]
            )
            backend.decoder = decoders.Sequence(
                [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
            )
        options: dict[str, Any] = {"show_progress": False, "special_tokens": []}
        if self.kind == "unigram":
            trainer: Any = trainers.UnigramTrainer(
                vocab_size=self.pieces - 256, max_piece_length=self.longest, **options
            )
        else:
            level_bytes = list(byte_characters()) if self.kind == "byte-level" else []
            options |= {"initial_alphabet": level_bytes, "min_frequency": self.minimum_count}
            if self.kind == "bpe":
                options["max_token_length"] = self.longest
            trainer = trainers.BpeTrainer(vocab_size=self.pieces - (256 if self.kind == "bpe" else 0), **options)
        backend.train_from_iterator(_repeated(found, counts.tolist()), trainer)
        content: dict[str, Any] = json.loads(backend.to_str())
        return content


def _repeated(found: list[str], counts: list[int]) -> Iterator[str]:
    """Each stretch after a space, as often as it occurs: the trainers count for themselves."""
    for text, count in zip(found, counts, strict=True):
        for _ in range(count):
            yield " " + text


def _renumbered(processor: dict[str, Any] | None, number: dict[str, int]) -> dict[str, Any] | None:
    """What is put around a text, by new numbers of the marks."""
    out = copy.deepcopy(processor)
    for step in parts(out):
        for token in step.get("special_tokens", {}).values():
            token["ids"] = [number[t] for t in token["tokens"]]
        for end in ("sep", "cls"):
            if end in step:
                step[end] = [step[end][0], number[step[end][0]]]
    return out


def _settings(tokenizer: Any) -> dict[str, Any]:
    """A tokenizer's marks and what else its class is made with."""
    named = {k: v for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)}
    more = ("model_max_length", "padding_side", "truncation_side", "clean_up_tokenization_spaces", "model_input_names")
    return named | {k: getattr(tokenizer, k) for k in more if hasattr(tokenizer, k)}
