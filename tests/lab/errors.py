"""The one way in which the lab says no."""


class LabError(Exception):
    """A refusal in one sentence, with a way out where there is one."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(f"{sentence}\nHINT: {hint}" if hint else sentence)
