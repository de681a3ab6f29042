"""The errors that facts raise and readers of them expect."""


class PyinfraError(Exception):
    """Any of them."""


class FactProcessError(PyinfraError, RuntimeError):
    """An answer cannot be read."""


class DeployError(PyinfraError):
    """A refusal before anything is done."""


class OperationError(PyinfraError):
    """A refusal of a step."""
