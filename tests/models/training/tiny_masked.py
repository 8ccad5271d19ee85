"""A tiny random masked language model, and a made-up language to teach it."""

from __future__ import annotations

from pathlib import Path

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.core.rng import generator
from polyalign.models.training.objective import Data, Parallel

ONE = "house tree dog cat sun moon bird fish stone water fire road".split()
OTHER = "chasa planta chaun giat sulegl glina utschi pesch crap aua fieu via".split()


def masked(folder: Path, *, layers: int = 2, hidden: int = 16, kind: str = "Bert") -> Path:
    """A random BERT, or model of that kind, whose tokens are whole words."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *ONE, *OTHER, "the", "il"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=64,
    ).save_pretrained(folder)  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(1)
        getattr(transformers, f"{kind}ForMaskedLM")(
            getattr(transformers, f"{kind}Config")(
                vocab_size=len(pieces), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
                num_attention_heads=2, max_position_embeddings=80, initializer_range=0.1, pad_token_id=0,
            )
        ).save_pretrained(folder)  # fmt: skip
    return folder


def planted(pairs: int = 40, words: int = 4, *, seed: int = 1) -> Data:
    """Sentences of words in any order, each translated word by word, with the links."""
    random = generator(seed, "planted")
    rows = [random.choice(len(ONE), words, replace=False) for _ in range(pairs)]
    src, tgt = ([" ".join(w[k] for k in row) for row in rows] for w in (ONE, OTHER))
    links = Links.from_pairs([[(k, k) for k in range(words)] for _ in rows])
    parallel = Parallel("eng_Latn", "roh_Latn", Bitext.build(src, tgt), links)
    return Data({"roh_Latn": ["\n".join(tgt)], "eng_Latn": src}, [parallel], "roh_Latn")
