"""Training: it learns, forgets less with replay, goes on after a kill to the same bytes, and says what is wrong."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from polyalign.core import params, registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.encoders.adapters.artefact import Adapters, Shape, attach
from polyalign.models.language_model import LanguageModel, read_model, write_model
from polyalign.models.training import mixture as mixtures
from polyalign.models.training import number_type
from polyalign.models.training import train as training
from polyalign.models.training.checkpoints import last_checkpoint
from polyalign.models.training.fingerprint import of_data, of_model
from polyalign.models.training.mixture import Mixture, Part
from polyalign.models.training.objective import Data
from polyalign.models.training.objectives.rows import mean_cross_entropy, predicted
from polyalign.models.training.train import Training
from tests.models.tiny import TEXT

GIVEN = {"steps": 6, "batch": 2, "length": 32, "learning_rate": 1e-2, "save_every": 2, "precision": "float32"}


def weights(made: LanguageModel) -> str:
    seen = hashlib.sha256()
    for name, p in made.model.state_dict().items():
        seen.update(name.encode() + p.detach().numpy().tobytes())
    return seen.hexdigest()


def nats(made: LanguageModel, text: str) -> float:
    import numpy as np
    import torch

    ids = np.array([made.tokenizer.bos_token_id, *made.tokenizer(text)["input_ids"]], np.int32)
    with torch.no_grad():
        return float(mean_cross_entropy(*predicted(made, [(ids, ids)])))


def test_it_learns_and_replay_keeps_what_it_knew(tiny_llama, documents):
    new, old = TEXT[0], TEXT[3]
    found = {}
    for replay in (0.0, 0.5):
        made = Training(**{**GIVEN, "steps": 40}, replay=replay).fit(read_model(str(tiny_llama)), documents)
        found[replay] = (nats(made, new), nats(made, old))
    before = read_model(str(tiny_llama))
    assert found[0.0][0] < nats(before, new) - 1
    assert found[0.5][1] < found[0.0][1] - 0.5


def test_the_model_comes_back_ready_to_be_used_and_written(causal, documents, tmp_path):
    made = Training(**GIVEN).fit(causal, documents)
    assert not made.model.training
    assert not any(p.requires_grad or p.grad is not None for p in made.model.parameters())
    assert made.key != causal.key
    assert made.tied
    write_model(made, tmp_path / "out")
    again = read_model(str(tmp_path / "out"))
    assert weights(again) == weights(made)
    assert again.tokenizer.chat_template == made.tokenizer.chat_template


def test_a_seed_gives_the_same_weights_and_another_others(tiny_llama, documents):
    made = [weights(Training(**GIVEN, seed=seed).fit(read_model(str(tiny_llama)), documents)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_a_step_in_parts_is_the_step(tiny_llama, documents):
    import torch

    # All rows are as long, so that the mean of the parts is the mean of all.
    data = Data({"roh_Latn": [" ".join(TEXT * 40)]}, lang="roh_Latn")
    whole, parts = (
        Training(**{**GIVEN, "batch": 4, "steps": 3}, accumulate=k).fit(read_model(str(tiny_llama)), data).model
        for k in (1, 2)
    )
    for (name, a), (_, b) in zip(whole.named_parameters(), parts.named_parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-4, rtol=1e-3, msg=name)


def test_states_computed_twice_change_nothing(tiny_llama, documents, monkeypatch):
    import torch
    from transformers import modeling_utils as theirs

    twice = []
    real = theirs.checkpoint

    def counted(*args, **named):
        twice.append(1)
        return real(*args, **named)

    monkeypatch.setattr(theirs, "checkpoint", counted)
    once = Training(**GIVEN).fit(read_model(str(tiny_llama)), documents).model
    assert not twice
    again = Training(**GIVEN, gradient_checkpointing=True).fit(read_model(str(tiny_llama)), documents).model
    assert len(twice) == 2 * GIVEN["steps"]
    for (name, a), (_, b) in zip(once.named_parameters(), again.named_parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    assert not any(getattr(m, "gradient_checkpointing", False) for m in again.modules())
    assert not again.get_input_embeddings()._forward_hooks


STAGES = {"use": "embeddings-first", "share": 0.5}
SCRIPT = """
import sys, time
from pathlib import Path
from polyalign.models.language_model import read_model
from polyalign.models.training import train
from polyalign.models.training.objective import Data
from tests.models.tiny import TEXT
from tests.models.training.test_train import GIVEN, STAGES, weights

made, work, slow = sys.argv[1:]
theirs = train.Mixture.__call__

def told(self, step):
    print(step, flush=True)
    time.sleep(float(slow) if step >= 3 else 0)
    return theirs(self, step)

train.Mixture.__call__ = told
data = Data({"roh_Latn": TEXT[:3], "deu_Latn": TEXT[3:4]}, lang="roh_Latn")
done = train.Training(**GIVEN, weights=STAGES).fit(read_model(made), data, work=Path(work))
print(weights(done))
"""


def process(*given):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *map(str, given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(tiny_llama, documents, tmp_path, monkeypatch):
    killed, whole = process(tiny_llama, tmp_path / "work", 60), process(tiny_llama, tmp_path / "other", 0)
    for line in killed.stdout:
        if line.strip() == "3":
            break
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    killed.stdout.close()
    (folder,) = (tmp_path / "work").iterdir()
    assert last_checkpoint(folder).name == "checkpoint-2"
    theirs, steps = Mixture.__call__, []
    monkeypatch.setattr(Mixture, "__call__", lambda self, step: (steps.append(step), theirs(self, step))[1])
    resumed = Training(**GIVEN, weights=STAGES).fit(read_model(str(tiny_llama)), documents, work=tmp_path / "work")
    said = whole.communicate()[0].split()
    assert steps == [2, 3, 4, 5]
    assert said == [*map(str, range(6)), weights(resumed)]


def test_another_model_or_other_data_begin_anew(tiny_llama, documents, tmp_path):
    Training(**GIVEN).fit(read_model(str(tiny_llama)), documents, work=tmp_path)
    Training(**GIVEN).fit(read_model(str(tiny_llama)), replace(documents, lang="deu_Latn"), work=tmp_path)
    changed = read_model(str(tiny_llama))
    changed.model.get_input_embeddings().weight.data[5] += 1
    Training(**GIVEN).fit(changed, documents, work=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    Training(**{**GIVEN, "save_every": 3}).fit(read_model(str(tiny_llama)), documents, work=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_fingerprints_tell_models_and_data_apart(causal, documents, pairs):
    first = of_model(causal)
    assert of_model(causal) == first
    causal.model.get_input_embeddings().weight.data[7, 3] += 1e-3
    assert of_model(causal) != first
    assert of_data(documents) != of_data(replace(documents, documents={"roh_Latn": TEXT[:3]}))
    assert of_data(pairs) != of_data(replace(pairs, parallel=[replace(pairs.parallel[0], links=None)]))
    docs = [
        replace(pairs.parallel[0], bitext=Bitext.build(["a", "b"], ["x", "y"], columns={"doc": some}))
        for some in (["1", "1"], ["1", "2"])
    ]
    assert of_data(Data({}, docs[:1])) != of_data(Data({}, docs[1:]))


def test_a_fingerprint_is_of_adapters_too(causal):
    bare = of_model(causal)
    attachment = attach(causal.model, Adapters.new(Shape(16, 2, 2, 0, "relu"), model="x", seed=1))
    assert of_model(causal) != bare
    attachment.remove()
    assert of_model(causal) == bare


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (RuntimeError("CUDA out of memory. Tried"), ConfigError, "train: out of memory with batch = 2, length = 32 and accumulate = 1; lower"),
        (OSError(errno.ENOSPC, "No space left"), DataError, "the disk is full; free space, the same command goes on from checkpoint-2"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_clear_error_and_keeps_the_last_checkpoint(
    raised, kind, said, causal, documents, tmp_path, monkeypatch
):
    import transformers

    theirs = transformers.Trainer._save_optimizer_and_scheduler

    def fails(self, output_dir):
        if output_dir.endswith("-4"):
            raise raised
        return theirs(self, output_dir)

    monkeypatch.setattr(transformers.Trainer, "_save_optimizer_and_scheduler", fails)
    with pytest.raises(kind, match=said):
        Training(**GIVEN).fit(causal, documents, work=tmp_path)
    (folder,) = tmp_path.iterdir()
    assert last_checkpoint(folder).name == "checkpoint-2"


def test_a_loss_that_is_no_number_is_an_error(causal, documents):
    with pytest.raises(ConfigError, match=r"train: the loss of step \d+ is nan, expected numbers; lower learning_rate"):
        Training(**{**GIVEN, "learning_rate": 1e39}).fit(causal, documents)


def test_rows_of_more_tokens_than_the_model_reads_are_refused(causal, documents):
    with pytest.raises(ConfigError, match=r"train: length = 129 is more than the 128 positions of .*; lower length"):
        Training(**{**GIVEN, "length": 129}).fit(causal, documents)


def test_a_tokenizer_of_another_model_is_refused(causal, documents):
    causal.tokenizer.add_tokens(["<more>"])
    with pytest.raises(DataError, match=r"pieces and a model of .* rows, expected as many rows at least; give the new"):
        Training(**GIVEN).fit(causal, documents)


def test_a_checkpoint_has_each_trained_weight_once(causal, documents, tmp_path):
    from safetensors import safe_open

    Training(**GIVEN, weights={"use": "layers", "first": 1, "rows": "all"}).fit(causal, documents, work=tmp_path)
    (folder,) = tmp_path.iterdir()
    with safe_open(last_checkpoint(folder) / "model.safetensors", "np") as file:
        names = list(file.keys())
    assert sum("embed_tokens" in n or "lm_head" in n for n in names) == 1
    assert not any(".layers.0." in n for n in names)
    assert any(".layers.1." in n for n in names)


# -- objectives together


class Constant:
    """An objective whose loss is a number."""

    def __init__(self, value):
        self.modules = {}
        self.value = value

    def __call__(self, step):
        import torch

        return torch.tensor(self.value, requires_grad=True)

    def tokens(self, step):
        return 3


def test_losses_are_summed_by_weight_between_their_begin_and_end():
    parts = [Part(None, 1.0), Part(None, 0.5, begin=0.5), Part(None, 2.0, end=0.25)]
    mixture = Mixture(parts, [Constant(1.0), Constant(10.0), Constant(100.0)], 4, draw=False, seed=1)
    assert [mixture(k).item() for k in range(4)] == [201.0, 1.0, 6.0, 6.0]
    assert mixture.read == 3 * 7
    fit = {"batch": 1, "length": 8, "steps": 4, "draw": False, "seed": 1}
    with pytest.raises(
        ConfigError, match="objectives: none is trained at step 2 of 4, expected one at least; let begin"
    ):
        Mixture.fit([Part(None, end=0.5), Part(None, begin=0.75)], None, None, **fit)


def test_losses_are_drawn_by_weight():
    parts = [Part(None, 3.0), Part(None, 1.0)]
    mixture = Mixture(parts, [Constant(1.0), Constant(2.0)], 400, draw=True, seed=1)
    drawn = [mixture(k).item() for k in range(400)]
    assert set(drawn) == {1.0, 2.0}
    assert drawn.count(1.0) == pytest.approx(300, abs=4)


def test_how_high_the_loss_is_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(mixtures, "note", said.append)
    loss = Mixture([Part(None)], [Constant(2.0)], 20, draw=False, seed=1).told("train")
    for k in range(20):
        loss(k)
    assert len(said) == 10
    assert said[0] == "train: 2 of 20 batches, loss 2.000"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": 0}, "steps must be above 0, got 0"),
        ({"replay": 1.5}, "replay must be from 0 to 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"rates": {"deu_Latn": -1.0}}, "rates must be at least 0"),
        ({"batch": 4, "accumulate": 3}, "accumulate must divide batch, got 3 and 4"),
        ({"trainer": {"max_steps": 3}}, "trainer sets max_steps"),
        ({"trainer": {"bf16": True}}, "trainer sets bf16"),
        ({"objectives": []}, "objectives: found none"),
        ({"objectives": [{"weight": 1.0}]}, "objectives: found a table without use"),
        (
            {"objectives": [{"use": "causal-ml"}]},
            "unknown models.objective method 'causal-ml'; did you mean 'causal-lm'",
        ),
        ({"objectives": [{"use": "mlm", "shar": 1.0}]}, "takes no parameter 'shar'; did you mean 'share'"),
        ({"objectives": [{"use": "mlm", "weight": 0}]}, "weight must be above 0"),
        ({"objectives": [{"use": "mlm", "weight": "1"}]}, "weight, begin and end must be numbers"),
        ({"objectives": [{"use": "mlm", "begin": 0.5, "end": 0.5}]}, "begin and end must rise from 0 to 1"),
        ({"weights": {"use": "al"}}, "unknown models.weights method 'al'"),
        ({"weights": {}}, "weights: found a table without use"),
    ],
)
def test_parameters_that_are_wrong_are_errors_before_anything_runs(given, said):
    with pytest.raises(ConfigError, match=said):
        params.build(registry.find("models.train/objectives"), given)


def test_it_says_what_it_takes():
    training = Training(objectives=({"use": "causal-lm"}, {"use": "bilingual"}))
    assert training.takes == {"documents", "bitext"}


# -- the type of numbers


@pytest.mark.parametrize(
    ("times", "device", "found"),
    [
        ({"float32": 1.0, "bfloat16": 40.0}, "cpu", "float32"),
        ({"float32": 1.0, "bfloat16": 0.9}, "cpu", "float32"),
        ({"float32": 1.0, "bfloat16": 0.5}, "cpu", "bfloat16"),
        ({"float32": 1.0, "bfloat16": 2.0, "float16": 0.3}, "cuda:0", "float16"),
        ({"float32": 1.0, "bfloat16": 0.3, "float16": 0.2}, "cuda", "bfloat16"),
    ],
)
def test_fewer_bits_are_taken_only_where_they_are_clearly_faster(times, device, found, monkeypatch):
    number_type._faster.cache_clear()
    monkeypatch.setattr(number_type, "_seconds", lambda device, dtype, limit: times[dtype])
    assert number_type.faster_type(device) == found
    number_type._faster.cache_clear()


def test_trying_ends_as_soon_as_a_type_is_too_slow(monkeypatch):
    tried = []
    monkeypatch.setattr(number_type, "_once", lambda x, device: tried.append(len(x)) or 1.0)
    assert number_type._seconds("cpu", "bfloat16", 0.01) == 64.0
    assert tried == [160] * 4
    number_type._faster.cache_clear()
    assert number_type.faster_type("cpu") in ("float32", "bfloat16")


def test_a_run_goes_on_in_the_type_that_it_began_with(tiny_llama, documents, tmp_path, monkeypatch):
    given = {**GIVEN, "precision": "auto"}
    found = []
    monkeypatch.setattr(training, "note", found.append)
    for fastest in ("float32", "bfloat16"):
        monkeypatch.setattr(training, "faster_type", lambda device, fastest=fastest: fastest)
        Training(**given).fit(read_model(str(tiny_llama)), documents, work=tmp_path)
    assert [text.rsplit(" ", 1)[1] for text in found] == ["float32", "float32"]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_type_is_passed_on(causal, documents):
    made = Training(**{**GIVEN, "precision": "bfloat16", "steps": 2}).fit(causal, documents)
    # It is computed in, and not what the weights are kept in.
    assert str(made.model.dtype) == "torch.float32"
