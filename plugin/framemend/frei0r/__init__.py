"""Build and install the frei0r filter: repair while you play, in melt, Kdenlive, Shotcut and ffmpeg.

The filter is a small C library that is compiled here, by this computer's compiler. It hands frames to a framemend worker and
shows what comes back; only frames of the past are seen, so none is late.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from framemend_filters.errors import OutputError, SettingError

FOLDER = Path("~/.frei0r-1/lib")
"""Where frei0r hosts look for what a person has installed."""
FLAGS = ("-O2", "-std=gnu11", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `framemend install-frei0r`."""
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, metavar="DIR", help=f"where to install (default: {FOLDER})"
    )
    parser.add_argument(
        "--shotcut", type=Path, metavar="DIR",
        help="Shotcut's folder qml, to have framemend in its list of filters, such as /usr/share/shotcut/qml",
    )  # fmt: skip
    parser.add_argument("--model", default="fast", metavar="NAME", help="weights to repair with (default: fast)")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:N or mps (default: auto)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> int:
    """`framemend install-frei0r`: 0 when the filter is there. Raises SettingError and OutputError."""
    from framemend_filters.engine import RepairSettings
    from framemend_filters.weights import model_folder, shipped_models

    RepairSettings(device=args.device)
    folder = model_folder(args.model)
    model = args.model if args.model in shipped_models() else str(folder.resolve())
    target = args.folder.expanduser() / "framemend.so"
    if args.shotcut is not None:
        add_to_shotcut(args.shotcut.expanduser())
    build(target, model=model, device=args.device)
    print(f"installed {target}; try: melt VIDEO -filter frei0r.framemend, or ffmpeg -i VIDEO -vf frei0r=framemend OUT")
    return 0


def build(target: Path, *, model: str, device: str) -> None:
    """Compile the filter into `target`. Raises SettingError where there is no compiler, OutputError where it fails."""
    from framemend.finished import finished_file

    compiler = shlex.split(os.environ.get("CC", "")) or [c for c in ("cc", "gcc", "clang") if shutil.which(c)][:1]
    if not compiler:
        raise SettingError("no C compiler is installed; on Debian: apt install gcc libc6-dev")
    here, filters = (Path(str(files(name))).parent for name in ("framemend", "framemend_filters"))
    path = os.pathsep.join(dict.fromkeys((str(here), str(filters))))
    texts = {"PYTHON": sys.executable, "PATH": path, "MODEL": model, "DEVICE": device}
    defined = [f"-DFRAMEMEND_{name}={_c_string(text)}" for name, text in texts.items()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make {target.parent}: {error.strerror}") from error
    with finished_file(target) as temporary:
        command = [*compiler, *FLAGS, *defined, "-o", str(temporary), str(files(__package__) / "framemend.c")]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except OSError as error:
            raise SettingError(f"the compiler {compiler[0]} cannot be run: {error.strerror}") from error
        except subprocess.CalledProcessError as error:
            raise OutputError(f"the filter cannot be compiled: {error.stderr.strip().splitlines()[-1:]}") from error


def add_to_shotcut(folder: Path) -> None:
    """Put the description of the filter, and its controls, where Shotcut looks for those of its own.

    Raises SettingError where `folder` is not Shotcut's, OutputError where nothing can be written there.
    """
    if not (folder / "filters").is_dir():
        raise SettingError(
            f"{folder} is not Shotcut's folder qml: it has no folder filters; try /usr/share/shotcut/qml"
        )
    target = folder / "filters" / "framemend"
    try:
        target.mkdir(exist_ok=True)
        for name in ("meta.qml", "ui.qml"):
            (target / name).write_bytes((files(__package__) / "shotcut" / name).read_bytes())
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; run it with sudo") from error


def _c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
