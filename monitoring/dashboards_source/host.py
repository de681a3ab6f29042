"""Hosts: processor, memory, disks, network, clock."""

from __future__ import annotations

from monitoring.dashboards_source.panel import NO_IS_BAD, YES_IS_BAD, Board, Row, one

_DISK, _DEVICE = "{{member}} {{mountpoint}}", "{{member}} {{device}}"

BOARD = Board(
    "host",
    "Hosts",
    "What the machines have, and what they are short of.",
    (
        Row(
            "Load",
            (
                one("Answers", "member:up:max{@member}", kind="states", states=NO_IS_BAD),
                one("Processor", "member:cpu:ratio{@member}", unit="percentunit"),
                one("Load", "member:load:max{@member}"),
                one("Taken by the hypervisor", "member:cpu_steal:ratio{@member}", unit="percentunit", limit=0.1),
                one("Memory available", "member:memory_available:ratio{@member}", unit="percentunit"),
                one("Killed for want of memory, 15 minutes", "member:oom_kills:increase15m{@member}", limit=1),
            ),
        ),
        Row(
            "Disks",
            (
                one("Full", "member_disk:used:ratio{@member}", _DISK, unit="percentunit", limit=0.85),
                one("Free", "member_disk:free:bytes{@member}", _DISK, unit="bytes"),
                one("Inodes used", "member_disk:inodes:ratio{@member}", _DISK, unit="percentunit", limit=0.9),
                one("Busy", "member_device:disk_busy:ratio{@member}", _DEVICE, unit="percentunit"),
                one("Read", "member_device:disk_read:rate5m{@member}", _DEVICE, unit="Bps"),
                one("Written", "member_device:disk_written:rate5m{@member}", _DEVICE, unit="Bps"),
                one("Read-only", "member_disk:readonly:max{@member}", _DISK, kind="states", states=YES_IS_BAD),
            ),
        ),
        Row(
            "Network and clock",
            (
                one("Received", "member_device:network_received:rate5m{@member}", _DEVICE, unit="Bps"),
                one("Sent", "member_device:network_sent:rate5m{@member}", _DEVICE, unit="Bps"),
                one("Clock is off by", "member:clock:seconds{@member}", unit="s", limit=2),
                one("Has run for", "member:uptime:seconds{@member}", unit="s"),
            ),
        ),
    ),
)
