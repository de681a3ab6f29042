"""The files of the dashboards. `make dashboards` writes them all."""

from __future__ import annotations

import sys
from pathlib import Path

from monitoring.dashboards_source import backups, cluster, etcd, host, overview, postgres, proxies
from monitoring.dashboards_source.grafana import text_of

DIRECTORY = Path(__file__).parents[1] / "dashboards"
BOARDS = (overview.BOARD, cluster.BOARD, postgres.BOARD, etcd.BOARD, proxies.BOARD, backups.BOARD, host.BOARD)


def written() -> dict[Path, str]:
    """What belongs into each file."""
    return {DIRECTORY / f"{board.name}.json": text_of(board) for board in BOARDS}


def main() -> int:
    """Write every dashboard."""
    DIRECTORY.mkdir(exist_ok=True)
    for path, text in written().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
