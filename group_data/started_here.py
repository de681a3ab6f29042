"""No data of a group: pyinfra reads it beside the inventory wherever it is started, and no other file of ours."""

from pathlib import Path

from pyinfra.api.exceptions import DeployError

_ROOT = Path(__file__).resolve().parent.parent

if not Path("deploys", "components").is_dir():
    raise DeployError(
        f"pyinfra was started in {Path.cwd()}, where config.py and the modules of this project are missing\n"
        f"HINT: change to {_ROOT} first; the inventory may be anywhere."
    )
