"""Each host judges itself by a timer, as ``deploys/check.py`` judges all, and gives what it finds as metrics."""
