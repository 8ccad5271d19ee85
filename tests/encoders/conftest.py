"""Tiny models with random weights, of the kinds there are on the hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WORDS = (
    "the a cat dog sat on mat house red blue run runs ing ed er un der tree green sky and or not in at of to".split()
)


def _tokenizer(folder: Path, *, marks: bool, limit: int) -> int:
    """A WordPiece tokenizer of letters and a few words; returns its size."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("äöüß.,!?:0123456789猫")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{x}" for x in letters), *WORDS]
    vocabulary = list(dict.fromkeys(vocabulary))
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if marks:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        bos_token="[CLS]",
        eos_token="[SEP]",
        model_max_length=limit,
    ).save_pretrained(folder)
    return len(vocabulary)


def save_tiny(folder: Path, name: str, *, seed: int, marks: bool, limit: int, **config: object) -> Path:
    """A model of that class, with random weights and the tokenizer, in a folder."""
    torch = pytest.importorskip("torch")
    kind = getattr(pytest.importorskip("transformers"), name)
    size = _tokenizer(folder, marks=marks, limit=limit)
    torch.manual_seed(seed)
    kind(kind.config_class(vocab_size=size, **config)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of four layers and 32 positions."""
    return save_tiny(
        tmp_path_factory.mktemp("models") / "bert", "BertModel", seed=1, marks=True, limit=32,
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, initializer_range=0.5,
    )  # fmt: skip


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal model of four layers."""
    return save_tiny(
        tmp_path_factory.mktemp("models") / "llama", "LlamaForCausalLM", seed=2, marks=False, limit=64,
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, initializer_range=0.5, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip


@pytest.fixture
def word_vectors(tmp_path: Path) -> Path:
    """Word vectors as word2vec writes them, frequent words first."""
    path = tmp_path / "words.vec"
    path.write_text("4 3\nthe 1 0 0\ncat 0 1 0\nDog 0 0 2\n你好 1 1 1\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """All encoders in the registry, whatever else is."""
    from polyalign.core import registry

    ours = [
        registry.Row("encode/transformer", "polyalign.encoders.transformer:Transformer"),
        registry.Row("encode/causal", "polyalign.encoders.causal:Causal"),
        registry.Row("encode/static", "polyalign.encoders.static:Static"),
    ]
    table = {**{row.id: row for row in ours}, **registry.rows()}
    monkeypatch.setattr(registry, "rows", lambda: table)


@pytest.fixture
def sentence_bert(bert: Path, tmp_path: Path) -> Path:
    """The encoder in a folder of sentence-transformers as LaBSE has it: first token, dense with tanh, normalised."""
    import shutil

    import numpy as np
    from safetensors.numpy import save_file

    folder = tmp_path / "labse"
    shutil.copytree(bert, folder)
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize")]
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24, "do_lower_case": False}))
    for name in ("1_Pooling", "2_Dense"):
        (folder / name).mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 16, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    )
    (folder / "2_Dense" / "config.json").write_text(
        json.dumps(
            {
                "in_features": 16,
                "out_features": 8,
                "bias": True,
                "activation_function": "torch.nn.modules.activation.Tanh",
            }
        )
    )
    rng = np.random.default_rng(0)
    tensors = {"linear.weight": rng.normal(size=(8, 16)), "linear.bias": rng.normal(size=8)}
    save_file({k: v.astype(np.float32) for k, v in tensors.items()}, folder / "2_Dense" / "model.safetensors")
    return folder
