"""Finds weights: those shipped with the package by name, others by folder. Only safetensors are read."""

from __future__ import annotations

import json
from pathlib import Path

from transformers.utils import logging

from framemend_filters.errors import ModelError
from framemend_filters.model.configuration import FramemendConfig
from framemend_filters.model.network import FramemendModel

WEIGHTS = Path(__file__).parent.parent / "weights"
"""Folder of the shipped weights, one folder a model."""


def shipped_models() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))


def load_model(model: str | Path) -> FramemendModel:
    """The model of a shipped name, or of a folder in transformers format (config.json, model.safetensors), in float32
    and ready for use. ModelError says what is wrong with a name or folder."""
    folder = model_folder(model)
    logging.disable_progress_bar()
    messages = logging.get_logger("transformers.modeling_utils")
    messages.disabled, before = True, messages.disabled  # what it would report is checked here, and said in one line
    try:
        network, report = FramemendModel.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, dtype="float32", output_loading_info=True
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"cannot load the model in {folder}: {reason}") from error
    finally:
        messages.disabled = before
    for wrong in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[wrong]:
            first = sorted(map(str, report[wrong]))[0]
            raise ModelError(f"the weights in {folder} do not fit its config.json: {wrong.replace('_', ' ')}: {first}")
    return network.eval()


def model_folder(model: str | Path) -> Path:
    """The checked folder of a model; see `load_model`."""
    shipped = WEIGHTS / str(model)
    if str(model) in shipped_models():
        folder = shipped
    else:
        folder = Path(model)
        if not folder.is_dir():
            names = ", ".join(shipped_models()) or "none"
            raise ModelError(f"no model named {str(model)!r}; shipped are {names}; or pass a folder with config.json")
    config = folder / "config.json"
    try:
        kind = json.loads(config.read_text()).get("model_type")
    except FileNotFoundError:
        raise ModelError(f"{folder} is no model folder: it has no config.json") from None
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{config} cannot be read: {error}") from error
    if kind != FramemendConfig.model_type:
        raise ModelError(f"{config} is of model_type {kind!r}, not {FramemendConfig.model_type!r}")
    weights = folder / "model.safetensors"
    if not weights.is_file():
        found = ", ".join(sorted(p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".ckpt"}))
        other = f" (found {found}, which is not read)" if found else ""
        raise ModelError(f"{folder} has no model.safetensors{other}; save the weights as safetensors")
    return folder
