"""What a file of a model will not hold, said when it is saved and not when it is loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import keras

from epochline.events import Notice

__all__ = ["not_in_file"]


def not_in_file(model: keras.Model, name: str, assets: Collection[str]) -> Iterator[Notice]:
    """Yields what a Keras file of `model` cannot hold.

    Args:
        model: What is saved.
        name: The file; its ending says the format.
        assets: Names of the files, such as vocabularies, that Keras puts into a `.keras` archive.
    """
    if assets and not name.endswith(".keras"):
        yield Notice(
            code="assets_not_in_file",
            message=f"{name} does not hold the vocabularies and other assets of the model "
            f"({len(assets)} files, such as {min(assets)}): Keras keeps them in .keras files only.",
            hint="Load the model from a .keras file (model.keras in the run directory), then the "
            "weights.",
        )
    layers = list(model._flatten_layers())  # noqa: SLF001 – nothing public has nested layers, too
    adapted = [layer.name for layer in layers if getattr(layer, "lora_enabled", False)]
    if adapted:
        yield Notice(
            code="lora_merged",
            message=f"Keras saves the LoRA adapters of {_some(adapted)} merged into the weights: "
            "predictions stay, but training on from such a file starts with new adapters.",
            hint="Keep the process alive to train on, or save the adapters (lora_kernel_a, "
            "lora_kernel_b) yourself.",
        )
    raw = [item.path for item in model.variables if str(item.dtype).startswith("float8")]
    if raw:
        yield Notice(
            code="float8_not_loadable",
            message=f"Keras writes the float8 variables of {_some(raw)}, but cannot load them.",
            hint="Keep these variables in another dtype, such as float16.",
        )


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
