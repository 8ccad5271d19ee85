from __future__ import annotations

import gzip
import json
import lzma
import struct
from pathlib import Path

import numpy as np
import pytest

from polyalign.core.errors import DataError
from polyalign.core.space import Space, unit
from polyalign.encoders import word_vectors as readers
from polyalign.encoders.static import Static
from polyalign.kernels.gather import weighted_mean

WORDS = ["the", "cat", "Dog", "你好"]
VECTORS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 2], [1, 1, 1]], np.float32)


def binary(path: Path, words=WORDS, vectors=VECTORS, *, ends=b"\n") -> Path:
    with open(path, "wb") as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for word, row in zip(words, vectors, strict=True):
            file.write(word.encode() + b" " + row.astype("<f4").tobytes() + ends)
    return path


def mean(path, texts, **settings):
    return Static(str(path), weighting="mean", **settings).vectors(texts)


@pytest.fixture(params=["vec", "no header", "bin", "bin without ends", "gz", "xz", "bin.gz", "space"])
def any_file(request, tmp_path, word_vectors):
    text = word_vectors.read_text(encoding="utf-8")
    match request.param:
        case "vec":
            return word_vectors
        case "no header":
            path = tmp_path / "x.txt"
            path.write_text(text.split("\n", 1)[1], encoding="utf-8")
        case "bin":
            path = binary(tmp_path / "x.bin")
        case "bin without ends":
            path = binary(tmp_path / "x.bin", ends=b"")
        case "gz":
            path = tmp_path / "x.vec.gz"
            path.write_bytes(gzip.compress(text.encode()))
        case "xz":
            path = tmp_path / "x.vec.xz"
            path.write_bytes(lzma.compress(text.encode()))
        case "bin.gz":
            path = tmp_path / "x.bin.gz"
            path.write_bytes(gzip.compress(binary(tmp_path / "x.bin").read_bytes()))
        case "space":
            path = tmp_path / "space"
            Space(tuple(WORDS), VECTORS).save(path)
    return path


def test_every_kind_of_file_is_read(any_file):
    encoder = Static(str(any_file), weighting="mean")
    assert encoder.dim == 3
    out = encoder.vectors(["The cat, dog cat!", "Dog", "nothing", "你好你好吗"])
    np.testing.assert_allclose(out, [[1 / 3, 2 / 3, 0], [0, 0, 2], [0, 0, 0], [1, 1, 1]], rtol=1e-6)


def test_words_in_lower_case_only(word_vectors):
    # "Dog" is in the file with a capital: not found in lower case.
    np.testing.assert_allclose(mean(word_vectors, ["Dog Cat"], lowercase=True), [[0, 1, 0]])
    np.testing.assert_allclose(mean(word_vectors, ["Dog Cat"]), [[0, 0.5, 1]])


def test_rare_words_weigh_more(word_vectors):
    p = 1 / np.arange(2, 6)
    weights = 0.01 / (0.01 + p / p.sum())
    out = Static(str(word_vectors), sif=0.01).vectors(["the cat"])
    np.testing.assert_allclose(out[0], (weights[0] * VECTORS[0] + weights[1] * VECTORS[1]) / 2, rtol=1e-6)
    assert out[0, 1] > out[0, 0] > 0


def test_spans_of_words_and_of_pieces(word_vectors):
    text = "The 🙂 cat-Dog 你好吗你好 xyz Dog's"
    out = Static(str(word_vectors), weighting="mean").tokens([text, "", "cat"])
    known = [text[a:b] for a, b in out.spans[: out.offsets[1]].tolist()]
    assert known == ["The", "cat", "Dog", "你好", "你好", "Dog"]
    assert out.offsets.tolist() == [0, 6, 6, 7]
    assert out.spans[-1].tolist() == [0, 3]
    np.testing.assert_array_equal(out.vectors[-1], [0, 1, 0])


def test_texts_without_a_known_word_are_zeros_and_told_of(word_vectors, capsys):
    out = Static(str(word_vectors)).encode(["the cat", "unknown words", "", "xyz"])
    assert np.linalg.norm(out, axis=1).round(3).tolist() == [1, 0, 0, 0]
    assert capsys.readouterr().err.count("2 of 4 texts have no word that it knows") == 1


def test_nothing_is_kept_in_the_cache(word_vectors, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path / "cache"))
    Static(str(word_vectors)).encode(["the cat"])
    assert not (tmp_path / "cache").exists()


def test_a_changed_file_is_read_again(word_vectors):
    encoder = Static(str(word_vectors), weighting="mean")
    before = encoder.key
    assert encoder.vectors(["cat"]).tolist() == [[0, 1, 0]]
    word_vectors.write_text("1 2\ncat 5 6.5\n", encoding="utf-8")
    assert encoder.vectors(["cat"]).tolist() == [[5, 6.5]]
    assert encoder.key != before
    assert encoder.dim == 2


def test_words_with_spaces_and_words_twice(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("cat 1 2\n. . . 3 4\ncat 9 9\n", encoding="utf-8")
    held = readers.read_vectors(path)
    assert held.rows == {"cat": 0, ". . .": 1}
    assert held.vectors.tolist() == [[1, 2], [3, 4], [9, 9]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.vec", b"2 2\na 1 2\nb 1\n", r"x\.vec line 3: found 'b 1', expected a word and 2 finite numbers"),
        ("x.vec", b"2 2\na 1 2\nb 1 x\n", r"line 3: found 'b 1 x'"),
        ("x.vec", b"2 2\na 1 2\nb 1 nan\n", r"line 3: found 'b 1 nan'"),
        ("x.vec", b"a 1 2\nb 1\n", r"line 2: found 'b 1'"),
        ("x.vec", b"3 2\na 1 2\nb 1 2\n", r"found 2 words, but its first line says 3"),
        ("x.vec", b"1 2\na 1 2\nb 1 2\n", r"found 2 words, but its first line says 1"),
        ("x.vec", b"word\n", r"line 1: found 'word'"),
        ("x.vec", b"", "is empty"),
        ("x.vec", b"a 1 2\n\xff 1 2\n", "line 2: found byte 0xff"),
        ("x.vec.gz", b"a 1 2\n", "cannot be read as gz"),
        ("x.bin", b"2 2\na " + struct.pack("<2f", 1, 2) + b"b " + struct.pack("<f", 1), "ends in word 2"),
        ("x.bin", b"2 2\na " + struct.pack("<2f", 1, 2), "ends in word 2"),
        ("x.bin", b"1 2\na " + struct.pack("<2f", 1, float("inf")), "word 1 is not finite"),
        ("x.bin", b"1 2\n\xff " + struct.pack("<2f", 1, 2), "expected UTF-8"),
        ("x.bin", b"1 2\n" + b"x" * 5000, "more than 4,096 bytes"),
        ("x.bin", b"hello", "line 1: expected the numbers"),
        ("x.bin", struct.pack("<ii", 793712314, 12) + b"....", "fastText's own binary form"),
    ],
)
def test_broken_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        Static(str(path)).vectors(["a"])


def test_a_wrong_line_far_into_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "BLOCK", 10)
    path = tmp_path / "x.vec"
    path.write_text("".join(f"w{i} 1 2\n" for i in range(57)) + "bad 1 2 3 x\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 58: found 'bad 1 2 3 x'"):
        Static(str(path)).vectors(["a"])


def test_a_folder_of_no_kind(tmp_path):
    with pytest.raises(DataError, match="expected a saved space or a model2vec folder"):
        Static(str(tmp_path)).vectors(["a"])


def test_a_constant_out_of_range():
    with pytest.raises(ValueError, match="above 0"):
        Static("x", sif=0)


def test_the_kernel_is_a_weighted_mean():
    rng = np.random.default_rng(0)
    table, weights = rng.normal(size=(20, 5)).astype(np.float32), rng.random(20).astype(np.float32)
    offsets = np.array([0, 3, 3, 10], np.int64)
    ids = rng.integers(0, 20, 10).astype(np.int32)
    out = weighted_mean(table, weights, ids, offsets)
    for i, (a, b) in enumerate(zip(offsets[:-1], offsets[1:], strict=True)):
        slow = (table[ids[a:b]] * weights[ids[a:b], None]).sum(axis=0) / max(1, b - a)
        np.testing.assert_allclose(out[i], slow, rtol=1e-5, atol=1e-6)


def model2vec(folder: Path, *, mapping=None, weights=None, dtype=np.float32, normalize=True):
    tokenizers = pytest.importorskip("tokenizers")
    safetensors = pytest.importorskip("safetensors.numpy")
    folder.mkdir()
    names = ["[UNK]", "the", "cat", "dog", "s", "##s", "do", "##g", "你", "!"]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({w: i for i, w in enumerate(names)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.enable_truncation(3)
    tokenizer.save(str(folder / "tokenizer.json"))
    rng = np.random.default_rng(1)
    table = rng.normal(size=(len(names) if mapping is None else max(mapping) + 1, 6)) * (20 if dtype == np.int8 else 1)
    tensors = {"embeddings": table.astype(dtype)}
    if mapping is not None:
        tensors["mapping"] = np.array(mapping, np.int64)
    if weights is not None:
        tensors["weights"] = np.array(weights, np.float32)
    safetensors.save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"model_type": "model2vec", "normalize": normalize, "max_length": None})
    )
    return folder


VARIANTS = [
    {},
    {"weights": [0.5, 1, 2, 3, 1, 1, 1, 1, 1, 0.25]},
    {"mapping": [0, 1, 2, 3, 1, 1, 2, 2, 0, 3]},
    {"mapping": [0, 1, 2, 3, 1, 1, 2, 2, 0, 3], "weights": np.linspace(0.1, 2, 10)},
    {"dtype": np.float16},
    {"dtype": np.int8},
]
SENTENCES = ["The cats, the dogs!", "dog", "xyz", "the cat the dog the cat the dog 你!"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_model2vec_folders(tmp_path, variant):
    folder = model2vec(tmp_path / "m", **variant)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    held = readers.read_vectors(folder)
    expected = np.zeros((4, 6), np.float32)
    for i, text in enumerate(SENTENCES):
        ids = [x for x in tokenizer.encode(text, add_special_tokens=False).ids if x != 0]
        if ids:
            expected[i] = np.mean([held.vectors[held.rows[x]] * held.weights[x] for x in ids], axis=0)
    np.testing.assert_allclose(Static(str(folder)).vectors(SENTENCES), expected, rtol=1e-5, atol=1e-6)
    out = Static(str(folder)).tokens(SENTENCES[:1])
    assert [SENTENCES[0][a:b] for a, b in out.spans.tolist()] == ["The", "cat", "s", "the", "dog", "s", "!"]


@pytest.mark.peer
@pytest.mark.parametrize("variant", VARIANTS)
def test_model2vec_agrees(tmp_path, variant):
    peer = pytest.importorskip("model2vec")
    folder = model2vec(tmp_path / "m", **variant)
    theirs = peer.StaticModel.from_pretrained(str(folder), max_length=None).encode(SENTENCES)
    atol = 2e-3 if variant.get("dtype") == np.float16 else 1e-6
    np.testing.assert_allclose(unit(Static(str(folder)).vectors(SENTENCES)), theirs.astype(np.float32), atol=atol)


def test_model2vec_folders_that_are_broken(tmp_path):
    folder = model2vec(tmp_path / "m", mapping=[0, 1, 2])
    with pytest.raises(DataError, match="not of one model"):
        Static(str(folder)).vectors(["a"])
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"tokenizer\.json: cannot be read"):
        Static(str(folder)).vectors(["a"])
    (folder / "model.safetensors").write_bytes(b"12345678")
    with pytest.raises(DataError, match="as safetensors"):
        Static(str(folder)).vectors(["a"])
