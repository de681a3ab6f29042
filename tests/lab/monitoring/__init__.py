"""Hosts that are watched."""
