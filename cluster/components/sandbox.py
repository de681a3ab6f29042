"""What each service may not do on its host, as lines of its systemd unit: see systemd.exec(5)."""

from __future__ import annotations

# What none of them needs.
_COMMON = """NoNewPrivileges=true
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectKernelLogs=true
ProtectControlGroups=true
ProtectHostname=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
SystemCallArchitectures=native
"""

# PostgreSQL runs within the same walls. Left open: home directories, where a tablespace may lie; memory that is written
# and executed, for its JIT; devices, for the watchdog is one; system calls, for extensions.
PATRONI = f"""{_COMMON}CapabilityBoundingSet=
ProtectSystem=full
ProtectProc=invisible
"""

_CLOSED = f"""{_COMMON}ProtectHome=true
PrivateTmp=true
PrivateDevices=true
ProtectClock=true
"""

# Addresses and frames of the network are what it is for.
VIP = f"""{_CLOSED.replace("RestrictAddressFamilies=", "RestrictAddressFamilies=AF_PACKET ")}ProtectSystem=strict
ProtectProc=invisible
MemoryDenyWriteExecute=true
SystemCallFilter=@system-service
"""

ETCD = f"""{_CLOSED}CapabilityBoundingSet=
ProtectSystem=strict
ReadWritePaths=/var/lib/etcd
ProtectProc=invisible
MemoryDenyWriteExecute=true
SystemCallFilter=@system-service
UMask=0077
"""

# It begins as root, to listen on any port, to read its certificates and to lock itself up.
HAPROXY = f"""{_CLOSED}CapabilityBoundingSet=CAP_NET_BIND_SERVICE CAP_NET_ADMIN CAP_SETUID CAP_SETGID CAP_SYS_CHROOT
CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_KILL CAP_SYS_RESOURCE
ProtectSystem=full
SystemCallFilter=~@cpu-emulation @clock @debug @keyring @module @obsolete @raw-io @reboot @swap
"""

PGBOUNCER = f"""{_CLOSED}CapabilityBoundingSet=
ProtectSystem=strict
ProtectProc=invisible
MemoryDenyWriteExecute=true
SystemCallFilter=@system-service
"""

# It sets addresses, speaks VRRP and ARP, and runs its checks as HAProxy's user.
KEEPALIVED = f"""{_CLOSED.replace("AF_NETLINK", "AF_NETLINK AF_PACKET")}CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL
ProtectSystem=full
ProtectProc=invisible
MemoryDenyWriteExecute=true
SystemCallFilter=@system-service
"""

EXPORTER = f"""{_CLOSED}CapabilityBoundingSet=
ProtectSystem=strict
ProtectProc=invisible
MemoryDenyWriteExecute=true
SystemCallFilter=@system-service
UMask=0077
"""

# It tells of the host's own file systems, processes and clock, as they are: it may see all of these and change none.
NODE_EXPORTER = f"""{_COMMON}CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
MemoryDenyWriteExecute=true
SystemCallFilter=@system-service adjtimex
UMask=0077
"""
