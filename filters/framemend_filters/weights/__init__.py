"""The weights that come with the package, one folder a model, and the check of folders that a person names."""

from __future__ import annotations

import json
from pathlib import Path

from framemend_filters.errors import ModelError

WEIGHTS = Path(__file__).parent
MODEL_TYPE = "framemend"
"""What config.json of a model folder says."""
SINGLE_FRAME_SUFFIXES = (".safetensors", ".pth")
"""Of files that hold a third-party model of single frames."""


def shipped_models() -> list[str]:
    """Names of the weights that come with the package."""
    return sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))


def is_single_frame(model: str | Path) -> bool:
    """Whether a model is named by a file, not a folder: one of single frames, for `framemend_filters.model.single_frame`."""
    return Path(model).suffix in SINGLE_FRAME_SUFFIXES and Path(model).is_file()


def model_window(model: str | Path) -> dict[str, int]:
    """What the window of a model needs: `frames`, `radius` and `neighbours` as in `ModelSizes`. Raises ModelError."""
    if is_single_frame(model):
        return {"frames": 1, "radius": 1, "neighbours": 1}  # the engine always aligns something
    config = json.loads((model_folder(model) / "config.json").read_text())
    return {name: config[name] for name in ("frames", "radius", "neighbours")}


def model_files(model: str | Path) -> list[Path]:
    """The files that decide what a model makes: its configuration and weights, or the one file. Raises ModelError."""
    if is_single_frame(model):
        return [Path(model)]
    folder = model_folder(model)
    return [folder / "config.json", *weight_files(folder)]


def weight_files(folder: Path) -> list[Path]:
    """The weights in a model folder: one file, or the parts in which large ones are saved."""
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("model-*-of-*.safetensors"))


def model_folder(model: str | Path) -> Path:
    """The checked folder of a model; see `framemend_filters.model.load_model` for what is wrong with others."""
    shipped = WEIGHTS / str(model)
    if str(model) in shipped_models():
        folder = shipped
    else:
        folder = Path(model)
        if not folder.is_dir():
            names = ", ".join(shipped_models()) or "none"
            raise ModelError(
                f"no model named {str(model)!r}; shipped are {names}; or pass a folder with config.json, or a .safetensors or .pth of a model that spandrel knows"
            )
    config = folder / "config.json"
    try:
        kind = json.loads(config.read_text()).get("model_type")
    except FileNotFoundError:
        raise ModelError(f"{folder} is no model folder: it has no config.json") from None
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{config} cannot be read: {error}") from error
    if kind != MODEL_TYPE:
        raise ModelError(f"{config} is of model_type {kind!r}, not {MODEL_TYPE!r}")
    if not weight_files(folder):
        found = ", ".join(sorted(p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth", ".ckpt"}))
        other = f" (found {found}, which is not read)" if found else ""
        raise ModelError(f"{folder} has no model.safetensors{other}; save the weights as safetensors")
    return folder
