"""A translation model, and how sentence pairs are put to it: as pieces whose words are known, in windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, MissingExtraError
from polyalign.core.jit import F32, I64, Mask
from polyalign.encoders.causal import readable
from polyalign.encoders.encoder import clean
from polyalign.encoders.torch_load import (
    Device,
    Dtype,
    limit_threads,
    load,
    marks,
    place,
    text_config,
    weights_there,
    window_of,
)
from polyalign.words.translation import prompts

#: Tokens read at once, if the model can.
WINDOW = 512
#: Least room that a window has to leave for either text.
ROOM = 8
#: Tokens in a batch, padding included, and numbers that come out of one.
BATCH, NUMBERS = 2048, 1 << 26


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A text as a model reads it.

    Args:
        ids: Tokens, with all that stands around the text.
        at: Which of them are pieces of the text, shape (t,), rising.
        word: The word that each is a piece of.
    """

    ids: I64
    at: I64
    word: I64


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Part of a sentence pair that is read at once.

    Args:
        pair: Which pair.
        src: Source pieces; of a causal model, with the tokens of all.
        tgt: Target pieces, in the same tokens there.
        own: Target pieces that this window decides on.
        share: One over how many pieces the word of each target piece has.
    """

    pair: int
    src: Text
    tgt: Text
    own: Mask
    share: F32


@dataclass(frozen=True, slots=True, eq=False)
class Translator:
    """A loaded translation model.

    Args:
        model: A torch module.
        tokenizer: Its tokenizer.
        window: Most tokens read at once.
    """

    model: Any
    tokenizer: Any
    window: int

    @property
    def seq2seq(self) -> bool:
        """Whether it has an encoder and a decoder, rather than a decoder alone."""
        return bool(self.model.config.is_encoder_decoder)

    def windows(
        self, src: Sequence[Sequence[str]], tgt: Sequence[Sequence[str]], prompt: str, langs: tuple[str, str]
    ) -> Iterator[Window]:
        """The windows of sentence pairs, pair by pair; none of a pair with an empty side.

        Raises:
            ConfigError: The prompt leaves no room, or the tokenizer does not know the languages.
        """
        read = self._seq2seq(prompt, langs) if self.seq2seq else self._causal(prompt, langs)
        for k, (s, t) in enumerate(zip(src, tgt, strict=True)):
            if s and t:
                a, b = read(s, t)
                if len(a.at) and len(b.at):
                    yield from self._cut(k, a, b)

    def _cut(self, k: int, src: Text, tgt: Text) -> Iterator[Window]:
        n, m = len(src.at), len(tgt.at)
        share = (1 / np.bincount(tgt.word)[tgt.word]).astype(np.float32)
        around = [len(src.ids) - n, len(tgt.ids) - m] if self.seq2seq else [len(src.ids) - n - m]
        if self.window - max(around) < 2 * ROOM:
            raise ConfigError(
                f"window = {self.window}: {max(around)} tokens stand around the texts, which leaves too few for them, expected "
                f"{2 * ROOM} at least; raise it or shorten the prompt"
            )

        def parts(length: int, count: int) -> list[tuple[int, int]]:
            # The k-th of them reaches from k / (count + 1) to (k + 2) / (count + 1) of the text.
            return [(length * k // (count + 1), -(-length * (k + 2) // (count + 1))) for k in range(count)]

        def fits(count: int) -> bool:
            sizes = [max(b - a for a, b in parts(length, count)) for length in (n, m)]
            if self.seq2seq:
                return all(size + x + 1 <= self.window for size, x in zip(sizes, around, strict=True))
            return sum(sizes) + around[0] <= self.window

        count = next(c for c in range(1, n + m + 2) if fits(c))
        centre = (np.arange(count) + 1) / (count + 1)
        owner = abs((np.arange(m)[:, None] + 0.5) / m - centre).argmin(axis=1)
        for w, ((a, b), (c, d)) in enumerate(zip(parts(n, count), parts(m, count), strict=True)):
            gone = np.ones(len(src.ids), np.bool_), np.ones(len(tgt.ids), np.bool_)
            gone[0][np.r_[src.at[:a], src.at[b:]]] = False
            gone[1][np.r_[tgt.at[:c], tgt.at[d:]]] = False
            kept = gone if self.seq2seq else (gone[0] & gone[1],) * 2
            x, y = (
                Text(text.ids[keep], (np.cumsum(keep) - 1)[text.at[i:j]], text.word[i:j])
                for text, keep, i, j in ((src, kept[0], a, b), (tgt, kept[1], c, d))
            )
            yield Window(k, x, y, owner[c:d] == w, share[c:d])

    def _causal(self, prompt: str, langs: tuple[str, str]) -> Any:
        before, after = marks(self.tokenizer)
        if not before:
            # Its first token is what a causal model looks at for want of anything better; that had better be no word.
            first = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)
            before = [x for x in first if x is not None][:1]
        names = dict(zip(("source_language", "target_language"), langs, strict=True))

        def read(src: Sequence[str], tgt: Sequence[str]) -> tuple[Text, Text]:
            # Texts may have braces, so they are put in last.
            head, middle, tail = (prompts.filled(x, names) for x in prompts.around(prompt))
            texts = [clean(" ".join(words)) for words in (src, tgt)]
            starts = len(head), len(head) + len(texts[0]) + len(middle)
            ids, spans = self._tokens(head + texts[0] + middle + texts[1] + tail)
            every = np.array([*before, *ids, *after], np.int64)
            sides = []
            for words, start in zip((src, tgt), starts, strict=True):
                at, word = _words(spans - start, words)
                sides.append(Text(every, at + len(before), word))
            return sides[0], sides[1]

        return read

    def _seq2seq(self, prompt: str, langs: tuple[str, str]) -> Any:
        if hasattr(self.tokenizer, "src_lang"):
            for code in langs:
                unknown = self.tokenizer.convert_tokens_to_ids(code) in (None, self.tokenizer.unk_token_id)
                if unknown and code not in getattr(self.tokenizer, "lang_code_to_id", {}):
                    raise ConfigError(
                        f"{type(self.tokenizer).__name__}: found no language {code!r}; name both as the model calls them, by "
                        "src_lang and tgt_lang"
                    )
            self.tokenizer.src_lang, self.tokenizer.tgt_lang = langs
        head, tail = (prompts.filled(x, {}) for x in prompt.split("{source}"))
        around = [
            [list(self.tokenizer(**{mode: "a"}, add_special_tokens=special)["input_ids"]) for special in (False, True)]
            for mode in ("text", "text_target")
        ]

        def side(words: Sequence[str], head: str, tail: str, mode: str, bare: list[int], full: list[int]) -> Text:
            text = clean(" ".join(words))
            if self.tokenizer.is_fast:
                ids, spans = self._tokens(head + text + tail, mode)
                at, word = _words(spans - len(head), words)
            else:
                # A tokenizer that does not say where its pieces are reads word by word.
                split = [self._ids(clean(w), mode) for w in words]
                first, last = self._ids(head, mode), self._ids(tail, mode)
                ids = [*first, *(x for s in split for x in s), *last]
                word = np.repeat(np.arange(len(words)), [len(s) for s in split])
                at = np.arange(len(word)) + len(first)
            start = next((k for k in range(len(full)) if full[k : k + len(bare)] == bare), 0)
            ids = [*full[:start], *ids, *full[start + len(bare) :]]
            return Text(np.array(ids, np.int64), at + start, word)

        def read(src: Sequence[str], tgt: Sequence[str]) -> tuple[Text, Text]:
            return side(src, head, tail, "text", *around[0]), side(tgt, "", "", "text_target", *around[1])

        return read

    def _tokens(self, text: str, mode: str = "text") -> tuple[list[int], I64]:
        out = self.tokenizer(**{mode: text}, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return list(out["input_ids"]), np.array(out["offset_mapping"], np.int64).reshape(-1, 2)

    def _ids(self, text: str, mode: str) -> list[int]:
        return (
            list(self.tokenizer(**{mode: text}, add_special_tokens=False, verbose=False)["input_ids"]) if text else []
        )

    def without(self, window: Window, word: int, substitute: str) -> Window:
        """A window in which a source word is left out, or something else stands in its place; only its tokens count."""
        ids, pieces = window.src.ids, window.src.at[window.src.word == word]
        first, last = int(pieces[0]), int(pieces[-1])
        other = np.array(self._ids(substitute, "text"), np.int64)
        changed = np.concatenate([ids[:first], other, ids[last + 1 :]])
        if self.seq2seq:
            # An encoder reads one token at least.
            nothing = np.array([self.tokenizer.eos_token_id or self.tokenizer.pad_token_id or 0], np.int64)
            return replace(window, src=replace(window.src, ids=changed if len(changed) else nothing))
        at = window.tgt.at + np.where(window.tgt.at > last, len(changed) - len(ids), 0)
        return replace(window, src=replace(window.src, ids=changed), tgt=replace(window.tgt, ids=changed, at=at))

    def batches(self, windows: Sequence[Window], numbers: Any) -> Iterator[tuple[list[Window], dict[str, Any]]]:
        """Windows of about one length at a time, and what the model is called with.

        Args:
            windows: Any.
            numbers: How many numbers come out of a window so long: ``(source tokens, target tokens) -> int``.
        """
        limit_threads()
        order = sorted(range(len(windows)), key=lambda k: (-len(windows[k].src.ids), -len(windows[k].tgt.ids), k))
        start = 0
        while start < len(order):
            n = len(windows[order[start]].src.ids)
            m, stop = len(windows[order[start]].tgt.ids) + 1, start + 1
            while stop < len(order):
                wide = max(m, len(windows[order[stop]].tgt.ids) + 1)
                size = stop + 1 - start
                if size * max(n, wide) > BATCH or size * numbers(n, wide) > NUMBERS:
                    break
                m, stop = wide, stop + 1
            some = [windows[k] for k in order[start:stop]]
            yield some, self._inputs(some)
            start = stop

    def _inputs(self, windows: Sequence[Window]) -> dict[str, Any]:
        import torch

        pad = self.tokenizer.pad_token_id or 0

        def tensor(rows: Sequence[I64], fill: int = pad) -> Any:
            out = np.full((len(rows), max(map(len, rows))), fill, np.int64)
            for line, row in zip(out, rows, strict=True):
                line[: len(row)] = row
            return torch.from_numpy(out).to(self.model.device)

        rows = [w.src.ids for w in windows]
        out = {"input_ids": tensor(rows), "attention_mask": tensor([np.ones(len(r), np.int64) for r in rows], 0)}
        if self.seq2seq:
            config = self.model.config
            begin = (config.decoder_start_token_id, getattr(text_config(config), "bos_token_id", None), pad)
            first = next(x for x in begin if x is not None)
            out["decoder_input_ids"] = tensor([np.r_[first, w.tgt.ids] for w in windows])
        return out


@lru_cache(maxsize=2)
def translator(model: str, same: str, device: Device, dtype: Dtype, window: int | None) -> Translator:
    """Load a model; ``same`` changes with its files.

    Raises:
        ConfigError: No such model, device, or window.
        DataError: It cannot be read, or is neither seq2seq nor causal.
        MissingExtraError: Torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(
            f"words.align: translation models need torch and transformers ({error}); install with: pip install "
            "'polyalign[neural]'"
        ) from error
    path, where = readable(model), place(device)
    tokenizer = load(AutoTokenizer, path, "its tokenizer")
    config = load(AutoConfig, path, "its configuration")
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    if not config.is_encoder_decoder and not tokenizer.is_fast:
        raise ConfigError(
            f"{path}: its tokenizer does not say where a token is in the text, expected a fast one (tokenizer.json)"
        )
    options = {"dtype": getattr(torch, dtype), "attn_implementation": "eager", "output_loading_info": True}
    network, report = load(kind, path, "the model", **options)
    weights_there(path, report)
    limit = window_of(tokenizer, network.config, window)
    return Translator(network.eval().to(where), tokenizer, limit if window else min(limit, WINDOW))


def _words(spans: I64, words: Sequence[str]) -> tuple[I64, I64]:
    """Which tokens are pieces of a text of words with a space between them, and of which; of several, the first."""
    lengths = np.array([len(w) for w in words], np.int64)
    ends = np.cumsum(lengths + 1) - 1
    word = np.searchsorted(ends, spans[:, 0], "right")
    inside = word < len(words)
    word = np.minimum(word, len(words) - 1)
    inside &= (spans[:, 1] > np.maximum(ends - lengths, 0)[word]) & (spans[:, 1] > 0) & (spans[:, 1] > spans[:, 0])
    at = np.flatnonzero(inside)
    return at, word[at]
