"""Loads weights. Only safetensors are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers.utils import logging

from framemend_filters.errors import ModelError
from framemend_filters.model.network import FramemendModel
from framemend_filters.weights import model_folder


def load_model(model: str | Path) -> FramemendModel:
    """The model of a shipped name, or of a folder in transformers format (config.json, model.safetensors), in float32
    and ready for use. ModelError says what is wrong with a name or folder."""
    folder = model_folder(model)
    logging.disable_progress_bar()
    messages = logging.get_logger("transformers.modeling_utils")
    messages.disabled, before = True, messages.disabled  # what it would report is checked here, and said in one line
    try:
        loaded: Any = FramemendModel.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, dtype="float32", output_loading_info=True
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"cannot load the model in {folder}: {reason}") from error
    finally:
        messages.disabled = before
    network, report = loaded
    for wrong in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[wrong]:
            first = min(map(str, report[wrong]))
            raise ModelError(f"the weights in {folder} do not fit its config.json: {wrong.replace('_', ' ')}: {first}")
    return network.eval()
