"""How pyinfra runs here. Read once before the inventory; not a place for settings of the cluster."""

from pyinfra import config
from pyinfra.api.state import State, StateStage

from operations.util.command_line import mend_the_command_line

config.REQUIRE_PYINFRA_VERSION = "~=3.10"

# The user that pyinfra logs in as need not be root, but everything here is done as root.
config.SUDO = True

# The first failed host ends the run for all: a half-changed cluster is worse than an unchanged one.
config.FAIL_PERCENT = 0

# A host that cannot be reached is let through the connect stage alone, so that the preflight names it in the same
# table as every other finding and then refuses; from there on any failure ends the run at once. A property, because
# without -y pyinfra would set a hook of its own that asks whether to go on: never, and never in a pipeline.
State.should_raise_failed_hosts = property(  # type: ignore[assignment]
    lambda self: lambda state: state.current_stage != StateStage.Connect, lambda self, value: None
)

# What pyinfra's command line leaves to chance: exit codes, questions that nobody answers, hosts that talk at the login.
mend_the_command_line()
