"""What journald keeps on a host, and the log files beside it."""
