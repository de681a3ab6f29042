#!/bin/sh
# Loads /etc/frr/frr.conf into the running FRR, without the end of a session that did not change; fails where it could
# not. FRR's own program for that, left to itself,
# - makes a router of the host: FRR shows "no ip forwarding", the file does not have it, so it turns forwarding on,
# - writes passwords into a log that everybody may read, and takes an old one back by an argument.
# And FRR's service says that all is well when it failed.
set -eu
umask 077
configuration=/etc/frr/frr.conf
place=$(mktemp -d /run/frr/reload.XXXXXX)
trap 'rm -rf "$place"' EXIT

vtysh -c 'show running-config' > "$place/running"

# Passwords first, by a file, so that there is no difference in them any more; the same one again changes nothing.
{
  grep '^router bgp ' "$place/running" || true
  sed -n 's/^ neighbor \([^ ]*\) password .*/\1/p' "$place/running" | while read -r router; do
    grep -F " neighbor $router password " "$configuration" || echo " no neighbor $router password"
  done
} > "$place/passwords"
vtysh -f "$place/passwords" > "$place/said" || {
  echo 'FRR does not take the passwords of its routers' >&2
  exit 1
}

# What the host is, and no file says: it stays.
{ cat "$configuration"; grep -xE '(no )?(ip|ipv6) forwarding|hostname .*|domainname .*' "$place/running" || true; } \
  > "$place/frr.conf"
: > "$place/vtysh.conf"
# With a file that is not that of its directory it would end by writing FRR's configuration into /etc/frr.
/usr/lib/frr/frr-reload.py --reload --stdout --log-level error --confdir "$place" --rundir "$place" \
  "$place/frr.conf" > "$place/said" 2>&1 || {
  grep -v ' password ' "$place/said" >&2
  exit 1
}
