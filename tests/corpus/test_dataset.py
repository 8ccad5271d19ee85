"""Hugging Face datasets: folders of every shape, the hub, the card that is written."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.corpus import cards
from polyalign.corpus.bitext.columns import Columns
from polyalign.corpus.bitext.dataset import Dataset
from polyalign.corpus.documents.dataset import Dataset as Documents
from polyalign.corpus.rejects import Rejects
from polyalign.corpus.write.columns import Parquet
from polyalign.corpus.write.dataset import Dataset as Write

yaml = pytest.importorskip("yaml")
PAIR = ("deu_Latn", "roh_Latn")
PAIRS = [("Haus", "chasa"), ("ja", "gea")]


def bitext(n=2):
    return Bitext.build([f"s{i}" for i in range(n)], [f"t{i}" for i in range(n)], langs=PAIR)


def put(path, rows):
    """Rows of de and rm as a file of the kind its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nested = [{"id": i, "translation": {"de": a, "rm": b}} for i, (a, b) in enumerate(rows)]
    if path.suffix in (".parquet", ".arrow"):
        table = pa.Table.from_pylist(nested)
        if path.suffix == ".parquet":
            pq.write_table(table, path)
        else:
            with pa.ipc.new_stream(path, table.schema) as file:
                file.write_table(table)
    elif path.suffix == ".csv":
        path.write_text("de,rm\n" + "".join(f"{a},{b}\n" for a, b in rows), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(r) + "\n" for r in nested), encoding="utf-8")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".jsonl", ".csv", ".json"])
def test_files_of_every_kind(tmp_path, suffix):
    put(tmp_path / f"data/train-00000-of-00002{suffix}", PAIRS[:1])
    put(tmp_path / f"data/train-00001-of-00002{suffix}", PAIRS[1:])
    put(tmp_path / f"data/test-00000-of-00001{suffix}", [("x", "y")])
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / ".git").mkdir()
    put(tmp_path / f".git/train{suffix}", [("no", "no")])
    back = Dataset(str(tmp_path)).read(PAIR)
    assert list(zip(back.src, back.tgt, strict=True)) == PAIRS
    assert Dataset(str(tmp_path), split="test").read(PAIR).src == ["x"]
    assert [p.name for p in Dataset(str(tmp_path)).inputs(PAIR)] == [
        f"train-0000{i}-of-00002{suffix}" for i in range(2)
    ]
    with pytest.raises(DataError, match=r"found .*train \(2 files\).*, expected a split 'validation'"):
        Dataset(str(tmp_path), split="validation").read(PAIR)


def test_columns_by_name(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": {"one": "a", "two": "b"}, "source": "c", "target": "d", "n": 1}\n')
    assert Dataset(str(tmp_path)).read(PAIR).tgt == ["d"]
    assert Dataset(str(tmp_path), src="x.one", tgt="x.two").read(PAIR).src == ["a"]
    with pytest.raises(DataError, match=r"expected 'x.three'; name the fields"):
        Dataset(str(tmp_path), src="x.one", tgt="x.three").read(PAIR)
    (tmp_path / "a.jsonl").write_text('broken\n{"one": "a"}\n')
    with pytest.raises(
        DataError, match="found the columns one, expected src, source or deu_Latn or deu or de; name it with src"
    ):
        Dataset(str(tmp_path)).read(PAIR)
    with pytest.raises(DataError, match="or the language, which is not given"):
        Dataset(str(tmp_path)).read()


def test_columns_of_structs_in_a_table(tmp_path):
    put(tmp_path / "x.parquet", [("a", None), *PAIRS])
    reader = Columns(str(tmp_path / "x.parquet"), src="translation.{src}", tgt="translation.{tgt}")
    with pytest.raises(DataError, match=r"row 0: found null in column 'translation.rm'"):
        reader.read(PAIR)
    found = []
    assert reader.read(PAIR, Rejects(found.append)).table.to_pylist()[0] == {"id": "1", "src": "Haus", "tgt": "chasa"}
    assert json.loads(found[0].record) == {"id": 0, "translation": {"de": "a", "rm": None}}
    with pytest.raises(DataError, match=r"found the columns id, translation.de, translation.rm, expected 'x.y'"):
        Columns(str(tmp_path / "x.parquet"), src="x.y").read(PAIR)


CARD = """---
language: [de, rm]
configs:
- config_name: big
  data_files:
  - split: train
    path: ["big/*.jsonl"]
- config_name: small
  default: true
  data_files: {train: "small/**/a.jsonl", no: small/b.jsonl}
---
# A dataset
"""


def test_the_card_says_which_files(tmp_path):
    put(tmp_path / "big/x.jsonl", PAIRS)
    put(tmp_path / "small/a.jsonl", PAIRS[:1])
    put(tmp_path / "small/b.jsonl", PAIRS[1:])
    (tmp_path / "README.md").write_text(CARD)
    assert Dataset(str(tmp_path)).read(PAIR).src == ["Haus"]
    assert Dataset(str(tmp_path), split="no").read(PAIR).src == ["ja"]
    assert Dataset(str(tmp_path), config="big").read(PAIR).src == ["Haus", "ja"]
    with pytest.raises(DataError, match="found the configurations big, small, expected 'huge'"):
        Dataset(str(tmp_path), config="huge").read(PAIR)
    for said, message in (
        ("../*.jsonl", "expected files inside the folder"),
        ("/etc/*", "expected files inside the folder"),
    ):
        (tmp_path / "README.md").write_text(CARD.replace("big/*.jsonl", said))
        with pytest.raises(DataError, match=message):
            Dataset(str(tmp_path), config="big").read(PAIR)
    (tmp_path / "README.md").write_text(CARD.replace("[de, rm]", "&a [de]\nx: *a"))
    with pytest.raises(DataError, match="found aliases in the YAML of the card"):
        Dataset(str(tmp_path)).read(PAIR)
    (tmp_path / "README.md").write_text(CARD.replace("[de, rm]", "["))
    with pytest.raises(DataError, match="found broken YAML in the card"):
        Dataset(str(tmp_path)).read(PAIR)
    (tmp_path / "README.md").write_text(CARD.replace('{train: "small/**/a.jsonl", no: small/b.jsonl}', "[[1]]"))
    with pytest.raises(DataError, match="among data_files of the card, expected split and path"):
        Dataset(str(tmp_path)).read(PAIR)


def test_what_is_no_dataset(tmp_path):
    with pytest.raises(DataError, match="found no data file, expected a split 'train'"):
        Dataset(str(tmp_path)).read(PAIR)
    (tmp_path / "x.jsonl").write_text("")
    with pytest.raises(DataError, match="found a file, expected the folder of a dataset"):
        Dataset(str(tmp_path / "x.jsonl")).read(PAIR)
    put(tmp_path / "y.csv", PAIRS)
    with pytest.raises(DataError, match=r"found files of several kinds in split 'train' \(csv, jsonl\)"):
        Dataset(str(tmp_path)).read(PAIR)
    with pytest.raises(DataError, match="found no card with configurations, expected 'x'"):
        Dataset(str(tmp_path), config="x").read(PAIR)
    for name in ("nothing", "../nowhere", "a/b/c"):
        with pytest.raises(DataError, match=f"{name}: no such folder, and no name of a dataset such as owner/name"):
            Dataset(name).read(PAIR)


def test_a_dataset_by_name(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    put(tmp_path / "train.jsonl", PAIRS)
    asked = {}

    def download(name, **given):
        asked.update(given, name=name)
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert Dataset("owner/name", revision="v1").read(PAIR).src == ["Haus", "ja"]
    assert (asked["name"], asked["repo_type"], asked["revision"]) == ("owner/name", "dataset", "v1")
    assert "README.md" in asked["allow_patterns"]


def test_a_hub_that_cannot_be_reached(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        DataError, match=r"owner/name: found no folder of that name, and the dataset cannot be had from the hub \("
    ):
        Dataset("owner/name").read(PAIR)
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"datasets by name need huggingface_hub; .*polyalign\[formats\]"):
        Dataset("owner/name").read(PAIR)


def test_yaml_is_needed_only_where_the_card_lists_files(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    (tmp_path / "README.md").write_text("---\nlanguage: de\n---\n")
    assert cards.card_header(tmp_path) == {}
    (tmp_path / "README.md").write_text(CARD)
    with pytest.raises(MissingExtraError, match="YAML needs yaml"):
        cards.card_header(tmp_path)


def test_the_folder_that_is_written(tmp_path):
    full = bitext(25).with_column("score.x", pa.array([0.5] * 25, pa.float32()))
    full = full.with_spans("src", [[0, 2]] * 25).with_column("src_start", pa.array(range(25), pa.int32()))
    given = {
        "title": "A: 'b'", "description": "Words.", "license": "cc-by-4.0", "provenance": "Made up.",
        "processing": "By hand.", "citation": "@misc{x}", "tags": ("law",), "rows_per_shard": 10,
    }  # fmt: skip
    Write(**given).write(full, tmp_path / "out")
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert files == ["README.md", *(f"data/train-0000{k}-of-00003.parquet" for k in range(3))]
    assert sum(pq.read_metadata(tmp_path / "out" / f).num_rows for f in files[1:]) == 25
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---\n")[1])
    assert (head["language"], head["license"], head["pretty_name"]) == (["de", "rm"], "cc-by-4.0", "A: 'b'")
    assert (head["size_categories"], head["task_categories"]) == (["n<1K"], ["translation"])
    assert head["tags"] == ["parallel-corpus", "polyalign", "law"]
    assert head["configs"][0]["data_files"] == [{"split": "train", "path": "data/train-*.parquet"}]
    info = head["dataset_info"]
    assert info["features"] == [
        {"name": "id", "dtype": "string"},
        {"name": "src", "dtype": "large_string"},
        {"name": "tgt", "dtype": "large_string"},
        {"name": "score.x", "dtype": "float32"},
        {"name": "src_spans", "list": "int32"},
        {"name": "src_start", "dtype": "int32"},
    ]
    assert info["splits"][0]["num_examples"] == 25
    assert info["download_size"] == sum((tmp_path / "out" / f).stat().st_size for f in files[1:])
    for text in (
        "Words.",
        "Made up.",
        "By hand.",
        "@misc{x}",
        "| train | 25 | 3 |",
        '"src": "s2"',
        "German (`deu_Latn`)",
    ):
        assert text in card
    assert '"src": "s3"' not in card
    back = Dataset(str(tmp_path / "out")).read()
    assert back.table.equals(full.table)
    assert back.langs == PAIR


def test_splits_of_a_column(tmp_path):
    split = pa.array(["train", "dev", "train", "train"])
    Write(split_column="split").write(bitext(4).with_column("split", split), tmp_path / "out")
    assert Dataset(str(tmp_path / "out"), split="dev").read(PAIR).src == ["s1"]
    assert Dataset(str(tmp_path / "out")).read(PAIR).table.column_names == ["id", "src", "tgt"]
    with pytest.raises(DataError, match="expected 'split'; name the column of the split"):
        Write(split_column="split").write(bitext(4), tmp_path / "other")
    for wrong in ("../x", "", None):
        with pytest.raises(DataError, match=f"found {wrong!r} in column 'split', expected the name of a split"):
            Write(split_column="split").write(bitext(2).with_column("split", pa.array(["a", wrong])), tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("given", [{"rows_per_shard": 0}, {"sample": -1}, {"split": "a/b"}, {"split": ""}])
def test_parameters_that_cannot_be(given):
    with pytest.raises(ValueError, match=f"{next(iter(given))} must"):
        Write(**given)


def test_a_folder_is_replaced_only_if_it_was_written_so(tmp_path):
    Write(rows_per_shard=1).write(bitext(3), tmp_path / "out")
    Write().write(bitext(2), tmp_path / "out")
    assert Dataset(str(tmp_path / "out")).read(PAIR).src == ["s0", "s1"]
    (tmp_path / "out/mine.txt").write_text("x")
    with pytest.raises(DataError, match=r"found mine.txt in the folder, which writing would remove"):
        Write().write(bitext(2), tmp_path / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="found a file, expected a new folder"):
        Write().write(bitext(2), tmp_path / "file")
    with pytest.raises(DataError, match="-: this format is a folder of files"):
        Write().write(bitext(2), __import__("pathlib").Path("-"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "out"]


def test_nothing_is_left_where_writing_fails(tmp_path, monkeypatch):
    def runs():
        yield bitext(2)
        raise DataError("x: broken")

    with pytest.raises(DataError, match="x: broken"):
        Write().write(runs(), tmp_path / "out")
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(DataError, match="No space left on device"):
        Write().write(bitext(2), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_samples_hold_their_fence_and_sizes_their_names(tmp_path):
    Write().write(Bitext.build(["````"], ["b"], langs=("und", "roh_Latn")), tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert re.search(r"\n`{5}json\n", card)
    assert yaml.safe_load(card.split("---\n")[1])["language"] == ["rm"]
    Write().write([], tmp_path / "none")
    assert Dataset(str(tmp_path / "none")).read(PAIR).src == []


def test_parquet_in_shards(tmp_path):
    Parquet(rows_per_shard=2).write([bitext(1), bitext(4)], tmp_path / "x.parquet")
    assert sorted(p.name for p in (tmp_path / "x.parquet").iterdir()) == [
        f"part-0000{k}-of-00003.parquet" for k in range(3)
    ]
    assert Dataset(str(tmp_path / "x.parquet")).read().src == ["s0", "s0", "s1", "s2", "s3"]
    with pytest.raises(ValueError, match="rows_per_shard must not be negative"):
        Parquet(rows_per_shard=-1)


def test_documents_in_one_language_a_row(tmp_path, notes):
    rows = [
        ("a", "Haus.", "de"),
        ("b", "Chasa.", "rm"),
        ("a", "Gea.", "rumantsch"),
        ("a", None, "de"),
        ("c", "x", "fr"),
        ("b", "y", "rm"),
    ]
    lines = [json.dumps(dict(zip(("id", "text", "lang"), row, strict=True))) for row in rows]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    with pytest.raises(
        DataError, match=r"train.jsonl:2: found 'rumantsch' as its language, expected a language tag in column 'lang'"
    ):
        Documents(str(tmp_path)).read(PAIR)
    found = []
    parts = list(Documents(str(tmp_path)).stream(PAIR, rows=2, rejects=Rejects(found.append)))
    assert [part.num_rows for part in parts] == [2, 1]
    assert [r.at for r in found] == ["train.jsonl:2"]
    assert "left out 1 without text, 1 in fra_Latn" in notes()[-1]
    (tmp_path / "train.jsonl").write_text("\n".join(line for line in lines if "rumantsch" not in line))
    table = Documents(str(tmp_path)).read(PAIR)
    assert table["doc"].to_pylist() == ["a", "b", "b#2"]
    assert table["source"].to_pylist() == ["train.jsonl:0", "train.jsonl:1", "train.jsonl:4"]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv", ".arrow"])
def test_documents_of_a_column_a_language(tmp_path, suffix):
    put(tmp_path / f"train{suffix}", PAIRS)
    prefix = "" if suffix == ".csv" else "translation."
    reader = Documents(str(tmp_path), fields={"de": f"{prefix}de", "rm": f"{prefix}rm"})
    table = reader.read(PAIR)
    assert table["text"].to_pylist() == ["Haus", "chasa", "ja", "gea"]
    assert table["doc"].to_pylist() == ["0", "0", "1", "1"]
    assert [p.name for p in reader.inputs(PAIR)] == [f"train{suffix}"]
    one = Documents(str(tmp_path), text=f"{prefix}rm", language="rm").read(("roh_Latn",))
    assert one["text"].to_pylist() == ["chasa", "gea"]
    with pytest.raises(DataError, match="expected text, lang; name the columns with text, lang"):
        Documents(str(tmp_path)).read(PAIR)
    with pytest.raises(ConfigError, match="no field is named for fra_Latn; fields has deu_Latn, roh_Latn"):
        reader.read(("fra_Latn",))


def test_documents_that_cannot_be(tmp_path, notes):
    with pytest.raises(ValueError, match="not a language tag"):
        Documents("x", language="q!")
    with pytest.raises(ValueError, match="must name each language once"):
        Documents("x", fields={"de": "a", "deu": "b"})
    (tmp_path / "x.jsonl").write_text('{"text": 3, "lang": "de"}\n')
    with pytest.raises(DataError, match=r"x.jsonl:0: found int in column 'text', expected text"):
        Documents(str(tmp_path)).read(PAIR)
    with pytest.raises(ValueError, match="rows must be at least 1"):
        Documents(str(tmp_path)).stream(PAIR, rows=0)
    (tmp_path / "x.jsonl").write_text('{"text": "a", "lang": "de"}\n')
    assert Documents(str(tmp_path)).read(PAIR).num_rows == 1
    assert any("no document in roh_Latn" in n for n in notes())
    (tmp_path / "x.jsonl").unlink()
    (tmp_path / "x.csv").write_text("text,lang\na,de\nb\n")
    with pytest.raises(DataError, match="line 3: found 1 columns, expected 2"):
        Documents(str(tmp_path)).read(PAIR)
