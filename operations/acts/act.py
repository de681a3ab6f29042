"""A command that one host's operation runs on another host: the step of a procedure over several hosts."""

from __future__ import annotations

from typing import Any

from pyinfra import logger
from pyinfra.api import FunctionCommand, Host, State, StringCommand
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS, pop_global_arguments
from pyinfra.connectors.ssh import SSHException

from cluster.declared.model import Node
from operations.util.hosts import target_of


class Act(FunctionCommand):
    """
    Yielded by the coordinator's operation; counted as its change, printed under the name of the host it runs on.

    + node: where to run it
    + command: one remote command; a failure prints its last lines and ends the run
    Afterwards ``printed`` holds the lines of its standard output.
    """

    def __init__(self, node: Node, command: StringCommand) -> None:
        self.node, self.command = node, command
        self.printed: list[str] = []
        super().__init__(self.run, (), {})

    def run(self, state: State, host: Host) -> bool:
        """Run it with the target's own sudo and shell. pyinfra passes both by these names."""
        target = target_of(self.node)
        arguments = self._arguments(state)
        try:
            done, output = target.run_shell_command(
                self.command, print_output=state.print_output, print_input=state.print_input, **arguments
            )
        except PermissionError:  # said already, with the way out, by whoever runs commands
            return False
        except (OSError, EOFError, SSHException) as error:  # pyinfra would print a traceback, under another host's name
            target.log_styled(f"the connection was lost: {error}", fg="red", log_func=logger.error)
            return False
        self.printed = list(output.stdout_lines)
        if not done:
            for line in output.output_lines:
                target.log_styled(line, fg="red", log_func=logger.error)
        return bool(done)

    def _arguments(self, state: State) -> dict[str, Any]:
        merged, _ = pop_global_arguments(state, target_of(self.node), dict(self.command.connector_arguments))
        return {key: value for key, value in merged.items() if key in CONNECTOR_ARGUMENT_KEYS}
