#!/bin/bash
# Takes a snapshot of etcd from a healthy member, checks it, and keeps the newest ones. Run by etcd-snapshot.service, of
# which systemd never runs two at a time; the unit's environment names the certificate.
#
#   etcd-snapshot DIRECTORY KEPT PREFIX ENDPOINT ...     PREFIX: of the cluster's keys, such as /service/main/

set -euo pipefail
umask 077
directory=$1 kept=$2 prefix=$3
shift 3
export ETCDCTL_API=3

known() { # a read that takes the quorum: of a member that the others have left behind nothing is kept
  ETCDCTL_ENDPOINTS=$1 etcdctl --dial-timeout=2s --command-timeout=5s get --print-value-only "${prefix}initialize"
}

revision() { # of a snapshot; fails for one that is damaged
  tool=etcdutl; command -v etcdutl > /dev/null || tool=etcdctl
  $tool -w json snapshot status "$1" 2> /dev/null | grep -o '"revision":[0-9]*' | cut -d: -f2
}

rm -f "$directory"/*.new "$directory"/*.part
for endpoint in "$@"; do
  if ! identifier=$(known "$endpoint" 2> /dev/null); then
    echo "$endpoint is not healthy"
    continue
  fi
  if [ -z "$identifier" ]; then
    # It would push out, one after the other, those that could bring the keys back.
    echo "etcd has no cluster below $prefix: of that no snapshot is kept" >&2
    exit 1
  fi
  new=$directory/snapshot.new
  ETCDCTL_ENDPOINTS=$endpoint etcdctl --command-timeout=300s snapshot save "$new" > /dev/null 2>&1 || continue
  at=$(revision "$new") || { echo "the snapshot of $endpoint is damaged"; continue; }
  chmod 600 "$new"
  sync "$new"
  mv "$new" "$directory/$(date -u +%Y%m%dT%H%M%SZ)-$at.db"
  find "$directory" -maxdepth 1 -name '*.db' -printf '%f\n' | sort -r | tail -n "+$((kept + 1))" |
    while IFS= read -r old; do rm -f -- "$directory/$old"; done
  echo "snapshot of $endpoint at revision $at"
  exit 0
done
echo "no member of etcd gave a snapshot" >&2
exit 1
