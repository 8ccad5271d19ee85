"""The loop: what a killed run leaves is gone on from, to the same weights; and whatever fails says what to do."""

from __future__ import annotations

import errno
import random
import shutil

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.models.encoders.checkpoints import write
from polyalign.models.encoders.contrastive import Contrastive
from polyalign.models.encoders.xlco import XLCO
from polyalign.models.training import runner
from polyalign.models.training.checkpoints import last_checkpoint
from tests.models.conftest import SRC

for needed in ("torch", "transformers", "accelerate"):
    pytest.importorskip(needed)

GIVEN = {"steps": 7, "batch": 4, "learning_rate": 1e-2, "max_tokens": 32, "save_every": 3}


class Killed(Exception):
    """What stops a run between two steps."""


def stopped(monkeypatch, at):
    """Losses that fail at a step."""
    theirs = runner._module

    def module(network, loss, more, plan):
        def until(step):
            if step == at:
                raise Killed
            return loss(step)

        return theirs(network, until, more, plan)

    monkeypatch.setattr(runner, "_module", module)


@pytest.mark.parametrize(
    "method", [Contrastive(**GIVEN), XLCO(**GIVEN, queue=8, momentum=0.5)], ids=lambda m: type(m).__name__
)
def test_a_killed_run_goes_on_to_the_same_weights(method, encoder, bitext, tmp_path, monkeypatch):
    whole = method.fit(encoder, bitext)
    with monkeypatch.context() as patch:
        stopped(patch, 5)
        with pytest.raises(Killed):
            method.fit(encoder, bitext, work=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert last_checkpoint(folder).name == "checkpoint-3"
    # What was being written when it was killed.
    shutil.copytree(folder / "checkpoint-3", folder / "checkpoint-6")
    (folder / "checkpoint-6" / "trainer_state.json").write_text("{")
    assert last_checkpoint(folder).name == "checkpoint-3"
    steps = []
    theirs = runner._module

    def counted(network, loss, more, plan):
        return theirs(network, lambda step: (steps.append(step), loss(step))[1], more, plan)

    monkeypatch.setattr(runner, "_module", counted)
    made = method.fit(encoder, bitext, work=tmp_path)
    assert steps == [3, 4, 5, 6]
    assert made.encode(SRC).tobytes() == whole.encode(SRC).tobytes()


def test_other_data_or_parameters_begin_anew(encoder, bitext, tmp_path):
    Contrastive(**GIVEN).fit(encoder, bitext, work=tmp_path)
    Contrastive(**GIVEN, margin=0.1).fit(encoder, bitext, work=tmp_path)
    Contrastive(**GIVEN).fit(encoder, Bitext.build(bitext.src[1:], bitext.tgt[1:]), work=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    Contrastive(**{**GIVEN, "save_every": 5}).fit(encoder, bitext, work=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_checkpoints_have_no_embeddings(encoder, bitext, tmp_path):
    from safetensors import safe_open

    XLCO(**GIVEN, queue=8).fit(encoder, bitext, work=tmp_path)
    (folder,) = tmp_path.iterdir()
    with safe_open(last_checkpoint(folder) / "model.safetensors", "np") as file:
        names = list(file.keys())
    assert not [n for n in names if "embeddings" in n]
    assert {n.split(".")[0] for n in names} == {"network", "more"}


def test_random_numbers_outside_are_as_they_were(encoder, bitext):
    torch = pytest.importorskip("torch")

    def drawn():
        random.seed(3)
        np.random.seed(3)  # noqa: NPY002
        torch.manual_seed(3)
        yield
        yield (random.random(), float(np.random.random()), float(torch.rand(())))  # noqa: NPY002

    seen = []
    for tuned in (False, True):
        numbers = drawn()
        next(numbers)
        if tuned:
            Contrastive(**GIVEN).fit(encoder, bitext)
        seen.append(next(numbers))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("steps", "said"), [(5, r"the loss of step \d+ is nan"), (1, "after 1 steps the weights are")])
def test_what_is_no_number_is_an_error(steps, said, encoder, bitext):
    with pytest.raises(ConfigError, match=said + ".*expected numbers; lower learning_rate, now 1e"):
        Contrastive(**{**GIVEN, "learning_rate": 1e39, "steps": steps}).fit(encoder, bitext)


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), ConfigError, "out of memory with batch = 4"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), ConfigError, "lower one of them"),
        (MemoryError(), ConfigError, "out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), DataError, "disk is full; free space, the same command goes on from checkpoint-3"),
        (RuntimeError("PytorchStreamWriter failed writing file data/1"), DataError, "the disk is full"),
        (OSError(errno.EACCES, "Permission denied"), DataError, "cannot be written or read"),
        (RuntimeError("something else"), RuntimeError, "tune: something else; the same command goes on from checkpoint-3"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_clear_error_and_keeps_the_last_checkpoint(
    raised, kind, said, encoder, bitext, tmp_path, monkeypatch
):
    import transformers

    theirs = transformers.Trainer._save_optimizer_and_scheduler

    def fails(self, output_dir):
        if output_dir.endswith("-6"):
            raise raised
        return theirs(self, output_dir)

    monkeypatch.setattr(transformers.Trainer, "_save_optimizer_and_scheduler", fails)
    with pytest.raises(kind, match=said):
        Contrastive(**GIVEN).fit(encoder, bitext, work=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert last_checkpoint(folder).name == "checkpoint-3"


def test_a_full_disk_says_what_safetensors_says(encoder, bitext, tmp_path, monkeypatch):
    import transformers
    from safetensors import SafetensorError

    def fails(self, *args, **named):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(transformers.Trainer, "_save", fails)
    with pytest.raises(DataError, match="the disk is full; free space, no step is kept"):
        Contrastive(**GIVEN).fit(encoder, bitext, work=tmp_path)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_grad_nrom": 1.0}, "no 'max_grad_nrom'; did you mean 'max_grad_norm'"),
        ({"lr_scheduler_type": "x"}, "trainer: "),
    ],
)
def test_settings_that_the_trainer_does_not_know(settings, said, encoder, bitext):
    with pytest.raises(ConfigError, match=said):
        Contrastive(**GIVEN, trainer=settings).fit(encoder, bitext)


def test_settings_of_the_trainer_are_followed(encoder, bitext):
    rows = [
        Contrastive(**GIVEN, trainer=settings).fit(encoder, bitext).encode(SRC).tobytes()
        for settings in ({}, {"max_grad_norm": 1.0}, {"lr_scheduler_type": "constant"})
    ]
    assert rows[0] == rows[1] != rows[2]


def test_the_model_is_written_whole_or_not_at_all(encoder, bitext, tmp_path, monkeypatch):
    from polyalign.encoders.transformer import Transformer
    from polyalign.encoders.tune import Model

    made = Contrastive(**GIVEN).fit(encoder, bitext, work=tmp_path / "work")
    with monkeypatch.context() as patch:
        theirs = Model.write

        def fails(self, folder):
            theirs(self, folder)
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(Model, "write", fails)
        with pytest.raises(DataError, match=r"the model cannot be written \(No space left on device"):
            write(made, tmp_path / "out", tmp_path / "work")
    assert [p.name for p in tmp_path.iterdir()] == ["work"]
    (tmp_path / "out").mkdir()
    write(made, tmp_path / "out", tmp_path / "work")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert Transformer(str(tmp_path / "out")).encode(SRC) == pytest.approx(made.encode(SRC), abs=2e-3)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("x")
    with pytest.raises(DataError, match="expected a name that is free or an empty folder"):
        write(made, tmp_path / "other", None)
    assert (tmp_path / "other" / "file").read_text() == "x"


def test_without_accelerate_it_says_what_to_install(encoder, bitext, monkeypatch):
    import sys

    from polyalign.core.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingExtraError, match="needs accelerate"):
        Contrastive(**GIVEN).fit(encoder, bitext)
