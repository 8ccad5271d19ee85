"""A tiny causal model with a tokenizer of bytes and a chat template."""

from __future__ import annotations

from typing import Any

from polyalign.models.language_model import LanguageModel

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'robot' %}{{ raise_exception('no robots') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS = ["<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
SRC = [f"das {a} {b} {c}" for a in ("Haus", "Tal", "Rad") for b in ("ist", "war") for c in ("alt", "rot", "neu", "gut")]
TGT = [
    f"the {a} {b} {c}"
    for a in ("house", "valley", "wheel")
    for b in ("is", "was")
    for c in ("old", "red", "new", "good")
]


def tiny(*, seed: int = 1, tied: bool = True, template: bool = True, window: int = 128) -> LanguageModel:
    """Two layers of 16 dimensions with random weights."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=MARKS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(SRC + TGT, trainer)
    make: Any = transformers.PreTrainedTokenizerFast
    tokenizer = make(tokenizer_object=backend, bos_token="<|begin|>", eos_token="<|end|>", model_max_length=window)
    tokenizer.chat_template = TEMPLATE if template else None
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=window, initializer_range=0.3, tie_word_embeddings=tied, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    return LanguageModel(model, tokenizer, "tiny", f"tiny {seed}")
