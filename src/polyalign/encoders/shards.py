"""Vectors of two languages too many for memory: centred, and each other's neighbours, a shard at a time.

With a `Store`, every shard's result is a file, written whole and found again by the content it was made from, so that a
killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I64
from polyalign.core.progress import track
from polyalign.core.space import unit
from polyalign.core.spread import spread
from polyalign.core.store import Artefact, Store
from polyalign.encoders import index
from polyalign.encoders.centre import shifts
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.neighbours import Near, join, nearest_both, nobody

#: Vectors in a shard.
SHARD = 1 << 14
#: Vectors in one approximate index.
INDEX = 1 << 20
#: Sides as large as this are searched exactly.
EXACT = 200_000

Search = Literal["auto", "exact", "approximate"]
#: Which rows: a run of them, or any.
Rows = slice | I64
Load = Callable[[Rows], npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Shards:
    """Unit vectors of one language, read when they are needed.

    Args:
        n: How many.
        dim: Dimensions.
        load: Some rows as float32.
        digest: Hash of their content.
        mean: Mean vector, shape (d,).
    """

    n: int
    dim: int
    load: Callable[[Rows], F32]
    digest: str
    mean: F64

    def bounds(self, step: int) -> Iterator[tuple[int, int]]:
        """First and last row of each shard."""
        return ((a, min(a + step, self.n)) for a in range(0, self.n, step))


def shards(load: Load, n: int, dim: int, *, where: str, step: int = SHARD) -> Shards:
    """Vectors read by a function, looked through once.

    Args:
        load: Vectors of some rows, of any length and float type.
        n: How many.
        dim: Dimensions.
        where: What to call them in an error.
        step: Vectors in a shard.

    Raises:
        DataError: A vector of zeros, or one that is not finite.
    """
    total, hasher = np.zeros(dim), hashlib.blake2b(f"{n} {dim}".encode(), digest_size=16)
    for a in range(0, n, step):
        rows = np.ascontiguousarray(load(slice(a, min(a + step, n))))
        wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1))
        if len(wrong):
            kind = "only zeros" if not rows[wrong[0]].any() else "a value that is not finite"
            raise DataError(
                f"{where}: found {kind} in vector {a + wrong[0]} of the distinct lines, expected a vector for every "
                "line that is not empty; encode them again"
            )
        hasher.update(rows.tobytes())
        total += unit(rows.astype(np.float32)).sum(axis=0, dtype=np.float64)
    return Shards(n, dim, lambda rows: unit(load(rows).astype(np.float32)), hasher.hexdigest(), total / max(n, 1))


def centred(sides: Sequence[Shards]) -> list[Shards]:
    """As `encoders.centre.centre`, of shards."""

    def of(side: Shards, shift: F32) -> Shards:
        content = hashlib.blake2b(side.digest.encode() + shift.tobytes(), digest_size=16).hexdigest()
        return replace(side, load=lambda rows: unit(side.load(rows) - shift), digest=content)

    drawn = shifts([s.mean for s in sides], [s.n for s in sides])
    return [of(side, shift) for side, shift in zip(sides, drawn, strict=True)]


def encoded(encoder: Encoder, texts: Sequence[str], store: Store | None, *, side: str, step: int = SHARD) -> Load:
    """Vectors of texts, read by their rows; with a store each shard is a float16 file, without they are in memory."""
    if store is None:
        vectors = encoder.encode(texts, label=f"encode {side}").astype(np.float16)
        return lambda rows: vectors[rows]
    parts: list[npt.NDArray[Any]] = []
    for number, a in enumerate(range(0, len(texts), step)):
        some = texts[a : a + step]
        recipe = _recipe({"encoder": encoder.key}, {"texts": _hash_texts(some)})
        kept = _kept(
            store,
            f"vectors-{number:05d}",
            recipe,
            lambda some=some: {"vectors": encoder.encode(some, label=f"encode {side}").astype(np.float16)},  # type: ignore[misc]
        )
        parts.append(kept["vectors"])

    def load(rows: Rows) -> npt.NDArray[Any]:
        at = np.arange(len(texts), dtype=np.int64)[rows] if isinstance(rows, slice) else rows
        out = np.empty((len(at), encoder.dim), np.float16)
        for number in np.unique(at // step):
            inside = at // step == number
            out[inside] = parts[number][at[inside] - number * step]
        return out

    return load


def neighbours(
    src: Shards, tgt: Shards, k: int, *, search: Search = "auto", store: Store | None = None, step: int = SHARD
) -> tuple[Near, Near]:
    """The k nearest target vectors of each source vector, and the other way round.

    Args:
        src: Source vectors.
        tgt: Target vectors.
        k: How many; fewer if there are not as many.
        search: Every similarity (exact), or an index that misses some (approximate); auto is exact up to 200,000
            vectors a side.
        store: Where to keep each shard's neighbours.
        step: Vectors in a shard.

    Returns:
        Cosines and rows, nearest first; ties go to the lower row. A cosine of -inf stands for none.

    Raises:
        MissingExtraError: An index is asked for and faiss is not installed.

    Complexity: exact O(n m d), with an index O((n + m) sqrt(n + m) d); memory for two shards, the neighbours, and an
    eighth of a byte for each dimension of 1,048,576 vectors if there is an index.
    """
    if src.n == 0 or tgt.n == 0:
        return nobody(src.n), nobody(tgt.n)
    if search == "approximate" or (search == "auto" and src.n * tgt.n > EXACT**2):
        index.require_faiss()
        return _approximate(src, tgt, k, store, step, "src"), _approximate(tgt, src, k, store, step, "tgt")
    forward: list[Near] = []
    backward, bounds = nobody(tgt.n), list(src.bounds(step))
    recipes = [_recipe({"k": k, "step": step}, {"src": src.digest, "tgt": tgt.digest, "first": a}) for a, _ in bounds]
    names = [f"neighbours-{number:05d}" for number in range(len(bounds))]
    known = [store is not None and store.find("mine", *of) is not None for of in zip(names, recipes, strict=True)]
    compared = _compared(src, tgt, [b for b, there in zip(bounds, known, strict=True) if not there], k, step)
    with track("neighbours", total=src.n, unit="sentences") as progress:
        for (a, b), name, recipe in zip(bounds, names, recipes, strict=True):
            kept = _kept(store, name, recipe, lambda: next(compared))
            forward.append((np.asarray(kept["cos"]), np.asarray(kept["rows"])))
            backward = join(backward, (kept["tgt_cos"], kept["tgt_rows"]), k)
            progress.advance(b - a)
    return (np.concatenate([c for c, _ in forward]), np.concatenate([r for _, r in forward])), backward


def _compared(
    src: Shards, tgt: Shards, bounds: Sequence[tuple[int, int]], k: int, step: int
) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
    """Some source shards, each with all of the other side; every two shards are a piece of work."""

    def pieces() -> Iterator[tuple[F32, F32]]:
        for a, b in bounds:
            queries = src.load(slice(a, b))
            yield from ((queries, tgt.load(slice(c, d))) for c, d in tgt.bounds(step))

    found = spread(partial(_both, k), pieces())
    for a, b in bounds:
        near, back = nobody(b - a), list[Near]()
        for c, _ in tgt.bounds(step):
            forward, backward = next(found)
            near = join(near, (forward[0], forward[1] + np.int32(c)), k)
            back.append((backward[0], backward[1] + np.int32(a)))
        columns = np.concatenate([x for x, _ in back]), np.concatenate([x for _, x in back])
        yield {"cos": near[0], "rows": near[1], "tgt_cos": columns[0], "tgt_rows": columns[1]}


def _both(k: int, sides: tuple[F32, F32]) -> tuple[Near, Near]:
    return nearest_both(*sides, k)


def _approximate(src: Shards, tgt: Shards, k: int, store: Store | None, step: int, side: str) -> Near:
    import tempfile

    out = [nobody(b - a) for a, b in src.bounds(step)]
    with tempfile.TemporaryDirectory() as folder, track(f"neighbours of {side}", total=src.n, unit="sentences") as bar:
        for first in range(0, tgt.n, INDEX):
            last = min(first + INDEX, tgt.n)
            opened: list[Any] = []

            def searched(a: int, b: int, first: int = first, last: int = last, opened: list[Any] = opened) -> Any:
                if not opened:
                    opened.append(index.opened(_index(tgt, first, last, store, step, Path(folder))))
                cosines, rows = index.search(opened[0], src.load(slice(a, b)), tgt.load, first, k)
                return {"cos": cosines, "rows": rows}

            for number, (a, b) in enumerate(src.bounds(step)):
                recipe = _recipe(
                    {"k": k, "step": step, "index": [INDEX, index.SAMPLE, index.PROBES, index.AGAIN]},
                    {"queries": src.digest, "vectors": tgt.digest, "first": a, "from": first},
                )
                kept = _kept(store, f"{side}-{first // INDEX}-{number:05d}", recipe, lambda a=a, b=b: searched(a, b))  # type: ignore[misc]
                out[number] = join(out[number], (kept["cos"], kept["rows"]), k)
                bar.advance(b - a)
    return np.concatenate([c for c, _ in out]), np.concatenate([r for _, r in out])


def _index(tgt: Shards, first: int, last: int, store: Store | None, step: int, folder: Path) -> Path:
    if store is None:
        path = folder / f"{first}.index"
        index.build(tgt.load, first, last, step, path)
        return path
    recipe = _recipe({"index": index.SAMPLE, "step": step}, {"vectors": tgt.digest, "from": first, "to": last})
    unit_name = f"index-{first // INDEX}"
    found = store.find("mine", unit_name, recipe)
    if found is None:
        with store.create("mine", unit_name, recipe, {}) as part:
            index.build(tgt.load, first, last, step, part / "vectors.index")
        found = store.load("mine", unit_name, recipe)
    return found.folder / "vectors.index"


def _kept(
    store: Store | None, name: str, recipe: Mapping[str, Any], make: Callable[[], Mapping[str, npt.NDArray[Any]]]
) -> Mapping[str, npt.NDArray[Any]]:
    """Arrays from the store, made first if they are not there."""
    if store is None:
        return make()
    found: Artefact | None = store.find("mine", name, recipe)
    if found is None:
        with store.create("mine", name, recipe, {}) as folder:
            for key, array in make().items():
                np.save(folder / f"{key}.npy", array)
        found = store.load("mine", name, recipe)
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(found.folder.glob("*.npy"))}


def _recipe(params: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"method": "encoders.shards", "version": 2, "params": dict(params), "inputs": dict(inputs)}


def _hash_texts(texts: Sequence[str]) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    for text in texts:
        hasher.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return hasher.hexdigest()
