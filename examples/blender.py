"""Let the strips of a Blender project read repaired files:

    blender -b edit.blend --python examples/blender.py -- frames repaired "edit repaired.blend"

Strips of the sequencer that read from the first folder read the files of the same names in the second; the project is
written under the third name. The project that was opened stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy  # pyright: ignore[reportMissingImports]  Blender brings it


def relink(old: Path, new: Path) -> int:
    """How many strips read from `new` now. Exits where a file is missing there."""
    count = 0
    for scene in bpy.data.scenes:
        for strip in scene.sequence_editor.sequences_all if scene.sequence_editor else ():
            if strip.type == "IMAGE" and Path(bpy.path.abspath(strip.directory)).resolve() == old:
                names = [element.filename for element in strip.elements]
                strip.directory = f"{new}/"
            elif strip.type == "MOVIE" and Path(bpy.path.abspath(strip.filepath)).resolve().parent == old:
                names = [Path(strip.filepath).name]
                strip.filepath = str(new / names[0])
            else:
                continue
            missing = [name for name in names if not (new / name).is_file()]
            if missing:
                sys.exit(f"{strip.name}: {new / missing[0]} is missing")
            count += 1
    return count


if __name__ == "__main__":
    old_folder, new_folder, target = sys.argv[sys.argv.index("--") + 1 :]
    relinked = relink(Path(old_folder).resolve(), Path(new_folder).resolve())
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(target).resolve()))
    print(f"{relinked} strips read from {new_folder} now; written: {target}")
