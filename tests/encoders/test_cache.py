from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from polyalign.encoders import cache as module
from polyalign.encoders.cache import Cache, cache_folder, hashes, open_cache


def rows_of(texts, dim=4):
    return np.array([[len(t), *t.encode()[-3:].rjust(3, b"\0")] for t in texts], np.float16).reshape(-1, 4)[:, :dim]


def get(cache, texts):
    """The vectors of those texts that are here, in their order, and which those are."""
    found = np.zeros(len(texts), bool)
    out = np.zeros((len(texts), cache.dim), np.float16)
    for at, rows in cache.find(hashes(texts)):
        out[at], found[at] = rows, True
    return out[found], found


def check(folder, texts, *, missing=()):
    rows, found = get(Cache(folder, 4), texts)
    assert [t for t, f in zip(texts, found, strict=True) if not f] == list(missing)
    assert np.array_equal(rows, rows_of([t for t in texts if t not in missing]))


def names(n, label="text"):
    return [f"{label} {i:03}" for i in range(n)]


def test_round_trip_and_order(tmp_path):
    cache = Cache(tmp_path / "c", 4, "an encoder")
    assert get(cache, ["a"])[1].tolist() == [False]
    texts = names(200)
    cache.add(hashes(texts), rows_of(texts))
    check(tmp_path / "c", [*texts[::-1], "new", texts[5], texts[5]], missing=["new"])
    assert (tmp_path / "c" / "encoder.txt").read_text() == "an encoder\n"
    assert get(cache, [])[0].shape == (0, 4)
    cache.add(hashes([]), np.zeros((0, 4), np.float16))


def test_hashes_are_those_of_the_bytes():
    import hashlib

    texts = ["a", "", "ü", "\ud800"]
    expected = [hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=16).digest() for t in texts]
    assert [b"".join(int(x).to_bytes(8, "big") for x in row) for row in hashes(texts)] == expected


def test_encoders_and_dimensions_are_kept_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path))
    folders = {open_cache(*x).folder for x in (("a", 4), ("b", 4), ("a", 5))}
    assert len(folders) == 3
    monkeypatch.setenv("POLYALIGN_CACHE", "off")
    assert open_cache("a", 4) is None


def test_where_it_is(tmp_path, monkeypatch):
    monkeypatch.delenv("POLYALIGN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "polyalign"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)


def _writer(folder, label, n):
    cache = Cache(folder, 4)
    for i in range(n):
        texts = [f"{label} {i} {k}" for k in range(3)]
        cache.add(hashes(texts), rows_of(texts))


def test_several_writers_and_a_reader_while_segments_are_joined(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 6)
    seed = names(20)
    Cache(tmp_path, 4).add(hashes(seed), rows_of(seed))
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=_writer, args=(tmp_path, w, 30)) for w in ("x", "y", "z")]
    for w in writers:
        w.start()
    while any(w.is_alive() for w in writers):
        check(tmp_path, seed)
    assert [w.exitcode for w in writers] == [0, 0, 0]
    check(tmp_path, seed + [f"{w} {i} {k}" for w in "xyz" for i in range(30) for k in range(3)])
    assert len(list(tmp_path.glob("*.keys.npy"))) <= 20
    assert not list(tmp_path.glob("*.part"))


_KILLED = """
import sys, numpy as np
from pathlib import Path
from polyalign.encoders.cache import Cache, hashes
cache, i = Cache(Path(sys.argv[1]), 4), 0
while True:
    cache.add(hashes([f"t {i} {k}" for k in range(500)]), np.full((500, 4), i % 1000, np.float16))
    print(i, flush=True)
    i += 1
"""


def test_a_writer_that_is_killed_leaves_what_it_had_said_was_done(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    done = [int(process.stdout.readline()) for _ in range(5)]
    time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    texts = [f"t {i} {k}" for i in done for k in range(500)]
    rows, found = get(Cache(tmp_path, 4), texts)
    assert found.all()
    assert np.array_equal(rows[:, 0], np.repeat(done, 500))


@pytest.mark.parametrize(
    "damage", ["cut keys", "cut vectors", "empty vectors", "no vectors", "other shape", "not numpy", "pickle"]
)
def test_a_damaged_segment_is_as_if_it_were_not_there(tmp_path, damage):
    good, bad = names(10, "good"), names(10, "bad")
    Cache(tmp_path, 4).add(hashes(bad), rows_of(bad))
    keys, vectors = next(tmp_path.glob("*.keys.npy")), next(tmp_path.glob("*.vectors.npy"))
    Cache(tmp_path, 4).add(hashes(good), rows_of(good))
    match damage:
        case "cut keys":
            keys.write_bytes(keys.read_bytes()[:-7])
        case "cut vectors":
            vectors.write_bytes(vectors.read_bytes()[:-7])
        case "empty vectors":
            vectors.write_bytes(b"")
        case "no vectors":
            vectors.unlink()
        case "other shape":
            np.save(vectors, np.zeros((10, 5), np.float16))
        case "not numpy":
            keys.write_bytes(b"something else")
        case "pickle":
            np.save(keys, np.array([{}] * 10, object), allow_pickle=True)
    check(tmp_path, good + bad, missing=bad)
    Cache(tmp_path, 4).add(hashes(bad), rows_of(bad))
    check(tmp_path, good + bad)


def test_joined_segments_hold_every_text_once(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 4)
    monkeypatch.setattr(module, "BLOCK", 16)
    for i in range(5):
        # Some texts in several segments.
        texts = names(10, f"s{i}") + names(3, "shared")
        Cache(tmp_path, 4).add(hashes(texts), rows_of(texts))
    (keys,) = tmp_path.glob("*.keys.npy")
    assert len(np.load(keys)) == 53
    check(tmp_path, [t for i in range(5) for t in names(10, f"s{i}")] + names(3, "shared"))


def test_a_large_segment_is_not_copied_for_small_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    large = names(5000, "large")
    Cache(tmp_path, 4).add(hashes(large), rows_of(large))
    (first,) = tmp_path.glob("*.keys.npy")
    for i in range(9):
        Cache(tmp_path, 4).add(hashes([f"small {i}"]), rows_of([f"small {i}"]))
    assert first.exists()
    assert len(list(tmp_path.glob("*.keys.npy"))) <= 4
    check(tmp_path, [*large[:50], *(f"small {i}" for i in range(9))])


def test_segments_that_vanish_while_being_read_are_looked_for_again(tmp_path, monkeypatch):
    texts = names(30)
    for i in range(3):
        Cache(tmp_path, 4).add(hashes(texts[i * 10 : i * 10 + 10]), rows_of(texts[i * 10 : i * 10 + 10]))
    joined, real = [], Cache._open

    def open_after_another_program_joined(self, path):
        if not joined:
            joined.append(1)
            monkeypatch.setattr(Cache, "_open", real)
            Cache(tmp_path, 4)._join(sorted(tmp_path.glob("*.keys.npy")))
            monkeypatch.setattr(Cache, "_open", open_after_another_program_joined)
        return real(self, path)

    monkeypatch.setattr(Cache, "_open", open_after_another_program_joined)
    check(tmp_path, texts)


def test_only_one_program_joins(tmp_path, monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(module, "MOST", 2)
    with FileLock(tmp_path / "join.lock"):
        for t in names(5):
            Cache(tmp_path, 4).add(hashes([t]), rows_of([t]))
        assert len(list(tmp_path.glob("*.keys.npy"))) == 5
    check(tmp_path, names(5))


def test_what_killed_programs_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    old = [tmp_path / "a.vectors.part", tmp_path / "b.vectors.npy"]
    young = tmp_path / "c.vectors.part"
    for path in [*old, young]:
        path.write_bytes(b"x")
    for path in old:
        os.utime(path, (0, 0))
    for t in names(3):
        Cache(tmp_path, 4).add(hashes([t]), rows_of([t]))
    assert not any(p.exists() for p in old)
    assert young.exists()


def test_a_full_disk_is_told_of_once(tmp_path, monkeypatch, capsys):
    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_settle", full)
    cache = Cache(tmp_path / "c", 4)
    cache.add(hashes(["a"]), rows_of(["a"]))
    cache.add(hashes(["b"]), rows_of(["b"]))
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert not list((tmp_path / "c").glob("*.part"))
    assert not list((tmp_path / "c").glob("*.npy"))
    check(tmp_path / "c", ["a"], missing=["a"])


@pytest.mark.parametrize("where", ["file in the way", "read-only"])
def test_a_folder_that_cannot_be_written(tmp_path, capsys, where):
    folder = tmp_path / "c"
    if where == "file in the way":
        folder.write_text("")
    else:
        if os.name == "nt" or os.geteuid() == 0:
            pytest.skip("everything can be written here")
        folder.mkdir()
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    cache = Cache(folder, 4)
    cache.add(hashes(["a"]), rows_of(["a"]))
    assert "cannot be kept" in capsys.readouterr().err
    assert get(cache, ["a"])[1].tolist() == [False]


def test_hashes_that_share_their_first_word(tmp_path):
    cache = Cache(tmp_path, 4)
    keys = np.array([[5, 1], [5, 2], [7, 0]], np.uint64)
    rows = np.arange(12, dtype=np.float16).reshape(3, 4)
    cache._write(keys, iter([rows]))
    found = {int(i): r.tolist() for at, block in cache.find(keys) for i, r in zip(at, block, strict=True)}
    assert found == {0: rows[0].tolist(), 2: rows[2].tolist()}
