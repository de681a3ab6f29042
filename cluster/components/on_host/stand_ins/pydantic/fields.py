"""See the package."""


class FieldInfo:
    """Named in signatures."""
