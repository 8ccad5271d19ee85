"""``polyalign view``."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("jinja2")

from polyalign.cli.main import main


def run(*args):
    with pytest.raises(SystemExit) as ended:
        main(["view", *map(str, args)])
    return ended.value.code


@pytest.fixture
def bitext(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("das Haus\tthe house\nja\tyes\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_it_serves_until_it_is_stopped_and_elsewhere_with_a_token(bitext, host):
    command = [sys.executable, "-m", "polyalign.cli.main", "view", str(bitext), "--pair", "de-en", "--port", "0", "--no-browser", "--json", "--host", host]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            address = json.loads(process.stdout.readline())["address"]
            port = int(address.split(":")[2].split("/")[0])
            token = address.partition("?token=")[2]
            assert bool(token) == (host == "0.0.0.0")
            if token:
                with pytest.raises(urllib.error.HTTPError, match="401"):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/pairs")
            else:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/pairs").read().decode()
                assert "Sentence pairs" in page
        finally:
            process.terminate()
            process.communicate(timeout=30)


def test_what_cannot_be_opened_is_one_line(tmp_path, bitext, capsys):
    assert run(tmp_path / "none.tsv") == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert run(bitext, "--author", " ") == 2
    assert "1 to 80 characters" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run(bitext, "--no-browser", "--port", taken.getsockname()[1]) == 2
    assert "--port" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(bitext, capsys, monkeypatch):
    monkeypatch.setattr("polyalign.cli.view.find_spec", lambda name: None)
    assert run(bitext) == 2
    assert "polyalign[view]" in capsys.readouterr().err


def test_gold_is_exported_without_a_server(bitext, tmp_path, capsys):
    from polyalign.view.edits import Edits
    from polyalign.view.pages.pairs import _start, item_of
    from polyalign.view.source import Opened

    opened = Opened.at(bitext, pair=("deu_Latn", "eng_Latn"))
    source = opened.source(opened.units()[0])
    edits = Edits(tmp_path / "a.tsv.corrections.jsonl")
    for row, change in ((0, {"do": "mark", "to": "done"}), (1, {"do": "link", "src": 0, "tgt": 0, "to": "sure"})):
        pair = source.pair(row)
        edits.add(item_of(source, pair), "Anna", change, version=0, start=_start(source, pair, ""), row=row)
    given = (bitext, "--pair", "de-en", "--author", "Anna", "--export", tmp_path / "gold", "--json")
    assert run(*given) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["unfinished"] == 1
    assert (tmp_path / "gold/deu_Latn-eng_Latn.tokens").read_text() == "das Haus ||| the house\n"
