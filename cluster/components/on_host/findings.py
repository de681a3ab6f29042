"""
Unpack the modules of a bundle where they are not yet, and call one of them.

    findings.py BUNDLE DIRECTORY MODULE WORD...

The words are those of the module. A bundle has a directory of its own by its digest; those of others go.
"""

import hashlib
import json
import os
import runpy
import shutil
import sys
from pathlib import Path


def unpacked(bundle: Path, directory: Path) -> Path:
    """Where the modules of a bundle lie: there whole, or not at all."""
    text = bundle.read_bytes()
    place = directory / hashlib.sha256(text).hexdigest()[:16]
    if not place.exists():
        for other in directory.iterdir():
            shutil.rmtree(other)
        part = directory / f"{place.name}.part"
        for name, module in json.loads(text).items():
            file = part / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(module, encoding="utf-8")
        os.rename(part, place)
    return place


def main(bundle: str, directory: str, module: str, *words: str) -> None:
    """Call the module with the words."""
    sys.path.insert(0, str(unpacked(Path(bundle), Path(directory))))
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
