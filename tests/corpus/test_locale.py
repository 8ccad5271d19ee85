"""Locale files: JSON, YAML, .properties; keys, languages, and what must be refused."""

from __future__ import annotations

import json

import pytest

from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.corpus import keyed
from polyalign.corpus.bitext.locale import Locale
from polyalign.corpus.rejects import STRICT, Rejects

PAIR = ("eng_Latn", "deu_Latn")


@pytest.fixture
def texts(tmp_path):
    def read(name, content, rejects=None):
        if name.endswith((".yaml", ".yml")):
            pytest.importorskip("yaml")
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(raw)
        return {".".join(k): v for k, v in keyed.keyed_texts(tmp_path / name, Rejects(rejects)).items()}

    return read


def test_json(texts, notes):
    content = '\ufeff{"a": {"b": "x", "l": ["y", {"z": "w"}]}, "n": 3, "t": true, "e": "", "h": "\\ud800", "o": {}}'
    assert texts("x.json", content) == {"a.b": "x", "a.l.0": "y", "a.l.1.z": "w", "e": "", "h": "\ufffd"}
    assert [n.split(": ", 1)[1] for n in notes()] == [
        "2 values are no text and were left out",
        "1 halves of surrogate pairs are no characters and became U+FFFD",
    ]


def test_arb_is_json_without_what_is_said_about_messages(texts):
    content = '{"@@locale": "de", "n": "{count, plural, =1{eins} other{#}}", "@n": {"description": "x"}}'
    assert texts("x.arb", content) == {"n": "{count, plural, =1{eins} other{#}}"}


def test_yaml(texts, notes):
    content = """
de:
  yes: "Ja"
  no: Nein
  off: no
  n: 3
  nothing:
  list: [a, 'b']
  folded: >
    one
    two
  base: &base {x: X, y: Y}
  more:
    <<: *base
    y: own
  many:
    <<: [*base, {z: Z, x: no}]
  same: *base
  date: 2020-01-01
  '1': number
"""
    assert texts("x.yml", content) == {
        "de.yes": "Ja",
        "de.no": "Nein",
        "de.off": "no",
        "de.list.0": "a",
        "de.list.1": "b",
        "de.folded": "one two\n",
        "de.base.x": "X",
        "de.base.y": "Y",
        "de.more.y": "own",
        "de.more.x": "X",
        "de.many.x": "X",
        "de.many.y": "Y",
        "de.many.z": "Z",
        "de.same.x": "X",
        "de.same.y": "Y",
        "de.date": "2020-01-01",
        "de.1": "number",
    }
    assert "2 values are no text" in notes()[0]
    assert texts("x.yaml", "") == {}


def test_properties(texts):
    content = (
        "a=1\nb : two \nc three=3\n\\ d\\:x = y\n# no = no\n ! no\ne\nf=\nlong = one \\\n    two \\\\\n"
        "u=\\u00e4\\ud83d\\ude00\\ud800\nt=a\\tb\\nc\\q\ncr=x\ry=z\r\nlast=x\\"
    )
    assert texts("x.properties", content) == {
        "a": "1", "b": "two ", "c": "three=3", " d:x": "y", "e": "", "f": "", "long": "one two \\",
        "u": "ä😀\ufffd", "t": "a\tb\ncq", "cr": "x", "y": "z", "last": "x",
    }  # fmt: skip
    assert texts("x.properties", "a=Tür".encode("latin-1")) == {"a": "Tür"}
    with pytest.raises(DataError, match="found binary data"):
        texts("x.properties", "a=\x00")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", '{"a": "x", "b": "y", "a": "z"}'),
        ("x.yaml", "a: x\nb: y\na: z\n"),
        ("x.properties", "a=x\nb=y\na=z\n"),
    ],
)
def test_a_key_with_two_texts(texts, name, content):
    with pytest.raises(DataError, match=r"key a: found two texts, expected one; the later one is 'z'"):
        texts(name, content)
    found = []
    assert texts(name, content, found.append) == {"a": "z", "b": "y"}
    assert [(r.at, r.record) for r in found] == [("key a", "x")]
    assert texts(name, content.replace("z", "x")) == {"a": "x", "b": "y"}


def test_an_alias_bomb_is_refused_at_once(texts):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(DataError, match="found aliases that make more than 1130 texts of it"):
        texts("x.yaml", "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", "[" * 100_000, "nested more than 100 deep|broken JSON"),
        ("x.json", '{"a":' * 150 + '"x"' + "}" * 150, "nested more than 100 deep"),
        ("x.json", '{"a": 1', "found broken JSON"),
        ("x.json", '{"src": "a"}\n{"src": "b"}', "read it as jsonl"),
        ("x.json", '["a"]', "found JSON that is no object"),
        ("x.json", b'{"a": "\xff"}', "found byte 0xff, expected UTF-8 text"),
        ("x.yaml", "[" * 100_000, "nested more than 100 deep|broken YAML"),
        ("x.yaml", "a: b: c", "found broken YAML"),
        ("x.yaml", "a: *x", "alias"),
        ("x.yaml", "- a\n- b: *b", "alias"),
        ("x.yaml", "text", "found YAML that is no mapping"),
        ("x.yaml", "? [a, b]\n: x\n", "found a key that is no text"),
        ("x.yaml", "a: x\n---\nb: y\n", "found several YAML documents"),
        ("x.yaml", b"a: \xff", "found byte 0xff|broken YAML"),
        ("x.yaml", "a: \x00", "found broken YAML"),
        ("x.yaml", "a: !!python/object/apply:os.system [ls]", ""),
    ],
)
def test_what_is_refused(texts, name, content, message):
    if not message:
        assert texts(name, content) == {"a.0": "ls"}  # a tag is not looked at
        return
    with pytest.raises(DataError, match=message):
        texts(name, content)


def test_a_file_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(keyed, "MAX_BYTES", 100)
    (tmp_path / "x.json").write_text(json.dumps({"a": "x" * 100}))
    with pytest.raises(DataError, match="found more than 100 bytes, expected a locale file"):
        keyed.keyed_texts(tmp_path / "x.json", STRICT)


def test_yaml_without_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    (tmp_path / "x.yaml").write_text("a: b")
    with pytest.raises(MissingExtraError, match=r"pip install 'polyalign\[formats\]'"):
        keyed.keyed_texts(tmp_path / "x.yaml", STRICT)


def test_two_files_are_paired_by_key(tmp_path, notes):
    (tmp_path / "en.json").write_text('{"a": "x", "b": "only en", "c": {"d": "y"}}')
    (tmp_path / "de.json").write_text('{"c": {"d": "Y"}, "a": "X", "z": "nur de"}')
    found = []
    reader = Locale(f"{tmp_path}/{{src}}.json", f"{tmp_path}/{{tgt}}.json")
    bitext = reader.read(PAIR, Rejects(found.append))
    assert bitext.table.to_pylist() == [{"id": "a", "src": "x", "tgt": "X"}, {"id": "c.d", "src": "y", "tgt": "Y"}]
    assert [(r.at, r.record) for r in found] == [("key b", "only en"), ("key z", "nur de")]
    assert "1 keys are not in the target, 1 of the target not in the source; left out" in notes()[0]
    assert reader.read(PAIR[::-1]).src == ["Y", "X"]


def test_files_that_name_their_language(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "en.yml").write_text("en:\n  a: x\n")
    (tmp_path / "de.yml").write_text("de-CH:\n  a: X\n")
    reader = Locale(f"{tmp_path}/{{src}}.yml", f"{tmp_path}/{{tgt}}.yml")
    assert (reader.read(PAIR).ids, reader.read(PAIR).tgt) == (["a"], ["X"])


def test_one_file_of_both_languages(tmp_path):
    (tmp_path / "x.json").write_text('{"en": {"a": "x"}, "de_DE": {"a": "X"}, "fr": {}}')
    reader = Locale(str(tmp_path / "x.json"), str(tmp_path / "x.json"))
    assert reader.read(PAIR).tgt == ["X"]
    assert reader.inputs(PAIR) == [tmp_path / "x.json"]
    with pytest.raises(
        DataError, match=r"found the outermost keys en, de_DE, expected fra_Latn or fra or fr .* put {lang}"
    ):
        reader.read(("eng_Latn", "fra_Latn"))
    with pytest.raises(DataError, match="expected the languages, which are not given"):
        reader.read()


def test_formats_take_a_place_for_the_language(tmp_path):
    from polyalign.corpus.formats import format_of, reader_of, write_bitext

    assert format_of("x/{lang}.json") == "locale"
    assert reader_of("x/{lang}.json", format=None, pair=PAIR) == Locale("x/{src}.json", "x/{tgt}.json")
    with pytest.raises(ConfigError, match=r"x.json: locale can be read and not written"):
        write_bitext([], "x.json")
