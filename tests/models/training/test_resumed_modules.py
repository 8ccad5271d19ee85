"""What is trained beside a model is kept in checkpoints: a run that was stopped ends with the same bytes."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.encoders.adapters.artefact import attached_to
from polyalign.models.language_model import read_model
from polyalign.models.training.objectives import dwa, rows, xlco
from polyalign.models.training.train import Training
from tests.models.tiny import llama
from tests.models.training.tiny_masked import masked, planted

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")


@pytest.mark.parametrize(
    ("kind", "given", "stopped"),
    [
        ("causal", {"objectives": ({"use": "xlco", "queue": 8, "momentum": 0.5},)}, xlco.Momentum),
        ("masked", {"objectives": ({"use": "dwa"},)}, dwa.Pointing),
        ("causal", {"weights": {"use": "bottleneck", "invertible": 2}}, rows.Rows),
    ],
    ids=["xlco", "dwa", "bottleneck"],
)
def test_a_run_that_was_stopped_ends_the_same(kind, given, stopped, tmp_path, monkeypatch):
    folder = str(llama(tmp_path / "model") if kind == "causal" else masked(tmp_path / "model"))
    training = Training(
        steps=6, batch=4, length=32, learning_rate=1e-2, save_every=2, precision="float32", replay=0.0, **given
    )

    def trained(work):
        done = training.fit(read_model(folder, kind=kind), planted(), work=work)
        extra = [x for some in attached_to(done.model) for x in some.state().values()]
        return [p.detach().numpy().copy() for p in (*done.model.parameters(), *extra)]

    expected = trained(None)
    call = stopped.__call__

    def stops(self, step):
        if step == 5:
            raise KeyboardInterrupt
        return call(self, step)

    with monkeypatch.context() as patched:
        patched.setattr(stopped, "__call__", stops)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "work")
    found = trained(tmp_path / "work")
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
