"""Write a model as ONNX, for ONNX Runtime, OpenVINO, TensorRT or vs-mlrt."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from framemend.finished import finished_file
from framemend_filters.errors import SettingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `framemend export`."""
    parser.add_argument("output", metavar="OUTPUT.onnx", help="file to write")
    parser.add_argument(
        "--model", default="fast", metavar="NAME", help="shipped weights, or a folder with trained ones (default: fast)"
    )
    parser.add_argument(
        "--stacked",
        action="store_true",
        help="one picture of many planes in and out, for windows of full length: what vs-mlrt takes",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """Export. Returns 0. Raises SettingError, ModelError and OutputError."""
    output = Path(args.output)
    if output.suffix != ".onnx":
        raise SettingError(f"output is {args.output}; it must end in .onnx")
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise SettingError(f"export needs {', '.join(missing)}: pip install 'framemend[export]'")
    from framemend_filters.model import load_model
    from framemend_filters.model.export import export_onnx

    network = load_model(args.model)
    with finished_file(output) as unfinished:
        export_onnx(network, unfinished, stacked=args.stacked)
    return 0
