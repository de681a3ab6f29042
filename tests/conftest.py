"""What all tests share: a property says what holds, not how fast, and no busy machine breaks it."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
