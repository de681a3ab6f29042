"""The command line: ``python -m tests.lab --help``."""

import argparse
import ast
import sys
from collections.abc import Sequence
from typing import Any

from tests.lab import labs, lifecycle
from tests.lab.engine import ensure_engine
from tests.lab.errors import LabError
from tests.lab.image import ensure_image
from tests.lab.inventory import inventory_text
from tests.lab.spec import DEFAULT_HOSTS, DEFAULT_LAB, FLAVOURS, RELEASES, Lab
from tests.lab.vocabulary import faults

FAULTS = {
    "kill": faults.kill,
    "start": faults.start,
    "freeze": faults.freeze,
    "thaw": faults.thaw,
    "heal": faults.heal,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a refusal is a line on the error output and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _up(options: argparse.Namespace) -> None:
    ensure_engine()
    lifecycle.timed_up(_lab(options), options.hosts or DEFAULT_HOSTS)


def _add(options: argparse.Namespace) -> None:
    ensure_engine()
    lifecycle.up(_lab(options), options.names)


def _down(options: argparse.Namespace) -> None:
    lifecycle.down(Lab(options.lab))


def _status(options: argparse.Namespace) -> None:
    for lab in labs.existing_labs().values():
        print(f"lab {lab.name}: {lab.release}, {lab.flavour}, index {lab.index}")
        for seen in labs.observe(lab).values():
            print(f"{lifecycle.line(seen.host)}  {'cut off' if seen.is_cut else seen.state}")


def _image(options: argparse.Namespace) -> None:
    ensure_engine()
    flavour = options.flavour or "packaged"
    print(ensure_image(options.release or "trixie", flavour, rebuild=options.rebuild))


def _inventory(options: argparse.Namespace) -> None:
    lab = _lab(options)
    names = options.hosts or list(labs.observe(lab)) or DEFAULT_HOSTS
    print(inventory_text(lab, names, ipv6=options.ipv6, extra=dict(options.data)), end="")


def _fault(options: argparse.Namespace) -> None:
    lab = labs.find_lab(options.lab)
    for name in options.names:
        FAULTS[options.command](lab.host(name).container)


def _cut(options: argparse.Namespace) -> None:
    lab = labs.find_lab(options.lab)
    for name in options.names:
        host = lab.host(name).container
        if options.ports:
            faults.cut_ports(host, options.ports)
        elif options.peers:
            faults.cut_peers(host, [lab.host(peer).container for peer in options.peers])
        else:
            faults.cut(host)


def _lab(options: argparse.Namespace) -> Lab:
    return labs.find_lab(
        options.lab,
        index=getattr(options, "index", None),
        release=getattr(options, "release", None),
        flavour=getattr(options, "flavour", None),
    )


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _pair(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE as pyinfra's --data does: a Python literal, else text."""
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return key, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--lab", default=DEFAULT_LAB, help="name of the lab (default: lab)")
    kind = argparse.ArgumentParser(add_help=False)
    kind.add_argument("--release", choices=RELEASES)
    kind.add_argument("--flavour", choices=FLAVOURS)
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--index", type=int, help="fixes addresses and ports")
    place.add_argument("--hosts", type=_names, help="such as pg1,pg2,etcd1")

    def command(name: str, run: Any, help: str, *parents: Any) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[*parents], help=help)
        made.set_defaults(run=run)
        return made

    command("up", _up, "make and start what is missing", named, kind, place)
    command("down", _down, "remove the hosts and the network of a lab", named)
    command("status", _status, "show all labs")
    add = command("add", _add, "add hosts to a lab", named)
    add.add_argument("names", nargs="+")
    image = command("image", _image, "make an image that is missing or outdated", kind)
    image.add_argument("--rebuild", action="store_true", help="with the packages of today")
    written = command("inventory", _inventory, "print an inventory.py", named, kind, place)
    written.add_argument("--ipv6", action="store_true", help="members speak IPv6")
    written.add_argument("--data", type=_pair, action="append", default=[], metavar="KEY=VALUE")
    for name, act in FAULTS.items():
        fault = command(name, _fault, (act.__doc__ or "").strip().splitlines()[0], named)
        fault.add_argument("names", nargs="+")
    cut = command("cut", _cut, "pull the network cable, or drop some packets", named)
    cut.add_argument("names", nargs="+")
    part = cut.add_mutually_exclusive_group()
    part.add_argument("--ports", type=_names, help="only these TCP ports, such as 2379,2380")
    part.add_argument("--peers", type=_names, help="only these other hosts, such as pg2,pg3")
    return parser


if __name__ == "__main__":
    sys.exit(main())
