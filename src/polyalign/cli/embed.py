"""``polyalign embed``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import open_output, read_lines, suffixes
from polyalign.core.jit import F32, set_threads
from polyalign.core.progress import track

#: What OUT may end with.
SUFFIXES = (".npy", ".parquet", ".vec")
#: Texts whose tokens are computed at a time.
CHUNK = 1024


def embed(encoder: Any, *, file: str, out: str, tokens: bool, centre: bool, threads: int, as_json: bool) -> None:
    """Write the vectors of FILE's lines to OUT."""
    suffix, packed = suffixes(out)
    expected = (".npz",) if tokens else SUFFIXES
    if suffix not in expected or (packed and suffix != ".vec"):
        raise ConfigError(
            f"embed: OUT is {out}, expected a name that ends with {' or '.join(expected)}"
            f"{', the form of vectors of tokens' if tokens else ''}; name it so"
        )
    if tokens and centre:
        raise ConfigError("embed: --tokens and --centre do not go together; leave one out")
    if not Path(out).absolute().parent.is_dir():
        raise DataError(f"{out}: its folder does not exist; make it first")
    set_threads(threads)
    texts = [line.strip() for line in read_lines(file)]
    told: dict[str, Any] = {"texts": len(texts), "empty": sum(not t for t in texts), "dim": encoder.dim, "out": out}
    if tokens:
        told["tokens"] = _write_tokens(encoder, texts, out)
    elif suffix == ".npy" and not centre:
        encoder.encode_to(out, texts, label="embed")
    else:
        _write(texts, _vectors(encoder, texts, centre=centre), out, suffix)
    if as_json:
        print_json(told)


def _vectors(encoder: Any, texts: list[str], *, centre: bool) -> F32:
    from polyalign.encoders.centre import centre as centred

    rows: F32 = encoder.encode(texts, label="embed")
    # The file is all there is of its language: its own mean, drawn towards no other.
    return centred(rows, prior=0)[0] if centre else rows


def _write(texts: list[str], rows: F32, out: str, suffix: str) -> None:
    if suffix == ".vec":
        spaced = next((n for n, t in enumerate(texts, 1) if not t or any(c.isspace() for c in t)), None)
        if spaced is not None:
            raise DataError(
                f"embed: line {spaced} is {texts[spaced - 1][:40]!r}, but a .vec file has one word a line, without spaces; "
                "write .npy or .parquet"
            )
    with open_output(out) as file:
        if suffix == ".npy":
            np.save(file, rows.astype(np.float16))
        elif suffix == ".vec":
            file.write(f"{len(texts)} {rows.shape[1]}\n".encode())
            for text, row in zip(texts, rows.tolist(), strict=True):
                file.write(f"{text} {' '.join(f'{x:.5g}' for x in row)}\n".encode())
        else:
            _write_parquet(texts, rows, file)


def _write_parquet(texts: list[str], rows: F32, file: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    dim = rows.shape[1]
    schema = pa.schema([("text", pa.large_string()), ("vector", pa.list_(pa.float32(), dim))])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, len(texts), 1 << 16):
            some = rows[start : start + (1 << 16)]
            flat = pa.FixedSizeListArray.from_arrays(pa.array(some.reshape(-1)), dim)
            writer.write_table(
                pa.table([pa.array(texts[start : start + len(some)], pa.large_string()), flat], schema=schema)
            )


def _write_tokens(encoder: Any, texts: list[str], out: str) -> int:
    vectors, counts, spans = [], [np.zeros(1, np.int64)], []
    with track("embed", total=len(texts), unit="texts") as progress:
        for start in range(0, len(texts), CHUNK):
            some = encoder.tokens(texts[start : start + CHUNK])
            vectors.append(some.vectors)
            counts.append(np.diff(some.offsets))
            spans.append(some.spans)
            progress.advance(len(some.offsets) - 1)
    rows = np.concatenate(vectors) if vectors else np.zeros((0, encoder.dim), np.float32)
    places = np.concatenate(spans) if spans else np.zeros((0, 2), np.int32)
    with open_output(out) as file:
        np.savez(file, vectors=rows, offsets=np.cumsum(np.concatenate(counts)), spans=places)
    return len(rows)


class EmbedGroup(MethodGroup):
    """Its subcommands are the methods of ``encode``, and whatever else is an encoder's name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The method's command, its parameters as flags; or one for a model's folder, file or name."""
        from polyalign.encoders.named import named_encoder

        if f"encode/{args[0]}" in registry.rows() or args[0].startswith("encode/"):
            return super().resolve_command(ctx, args)
        encoder = named_encoder(args[0])
        command = click.RichCommand(
            name=args[0],
            params=list(self.arguments),
            callback=partial(self.verb, encoder),
            help=f"Encode with {args[0]}. Settings go behind a colon: {args[0]}:name=value.",
        )
        return args[0], command, args[1:]


command = EmbedGroup(
    task="encode",
    verb=embed,
    help="Vectors of FILE's lines, one text a line; `-` is standard input. METHOD is one of those below, or a model's folder or "
    "file, or its name on the Hugging Face hub, with settings behind a colon: `e5:prefix=passage`. OUT is .npy (float16, one row a "
    "line), .parquet (text, vector) or .vec (words only). What was computed before is taken from the cache, so a run that was "
    "stopped goes on.",
    arguments=[
        click.Argument(["file"]),
        click.Argument(["out"]),
        click.Option(
            ["--tokens"],
            is_flag=True,
            help="One vector a token: OUT is .npz with vectors, offsets (first token of each line) and spans (in code points). "
            "All are held in memory.",
        ),
        click.Option(
            ["--centre"],
            is_flag=True,
            help="Subtract the mean of the file, which is in one language, and scale to length 1.",
        ),
        click.Option(["--threads"], type=int, default=0, help="Threads; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
