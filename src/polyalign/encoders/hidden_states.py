"""What encoders that run in torch have in common."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.core.files import PathText
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.model_files import identity
from polyalign.encoders.torch_load import Device, Dtype


@dataclass(frozen=True, slots=True)
class HiddenStates(Encoder):
    """An encoder that takes a model's hidden states.

    Args:
        model: Folder of the model, or its name on the Hugging Face hub, such as sentence-transformers/LaBSE.
        layer: Layer whose hidden states are taken, 0 being the embeddings; none for the last.
        prefix: Put before each text and read with it. E5 models of others want "query: ", which is not added by itself.
        device: Where to run; auto is a GPU where there is one.
        dtype: Type that the model computes in; bfloat16 and float16 are for GPUs.
        window: Most tokens read at once; none for as many as the model can.

    Raises:
        ValueError: A number is out of range.
    """

    model: PathText
    layer: int | None = None
    prefix: str = ""
    device: Device = "auto"
    dtype: Dtype = "float32"
    window: int | None = None

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"layer = {self.layer}: layers are counted from 0, the embeddings")
        if self.window is not None and self.window < 4:
            raise ValueError(f"window = {self.window}: a window has 4 tokens at least")

    def source(self) -> str:
        """The model with its files' sizes and times, and what the vectors of any encoder of its depend on."""
        return f"{identity(self.model)} {self.layer} {self.prefix!r} {self.dtype} {self.window}"
