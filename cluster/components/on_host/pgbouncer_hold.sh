#!/bin/sh
# Written by pyinfra-patroni. Changes made here are lost at its next run.
#
# Lets the clients of a pool wait while PostgreSQL restarts or another member takes over: PgBouncer's PAUSE, which takes
# effect when the transactions under way have ended. A unit of systemd runs it, so that whatever becomes of the run that
# started it, the clients go on in the end.
#
#   pgbouncer-hold POOL hold SECONDS     hold them until then; the unit's ExecStart, as PgBouncer's own user
#   pgbouncer-hold POOL release          let them go on; its ExecStopPost
#   pgbouncer-hold POOL insist           restart what did not let them; after that, as root
#   pgbouncer-hold POOL await SECONDS PROCESS...   print "held", or the transactions that are still under way:
#                                        process|database|user|pid of the server; fails where a process does not answer
#   pgbouncer-hold POOL extend SECONDS   hold them until so many seconds from now instead
set -u
pool=$1 word=$2 seconds=${3:-0}
sockets=/run/pgbouncer
state=/run/pgbouncer-hold/$pool

# Of the monotonic clock: a run may correct the other one.
now() { cut -d. -f1 /proc/uptime; }
names() { cd "$sockets" 2>/dev/null && ls -d "$pool" "$pool"-* 2>/dev/null; }
own() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
console() { # NAME WORDS: the answer with the names of its columns
  set -- "$1" "$2" "$(ls -A "$sockets/$1" | sed -n 's/^\.s\.PGSQL\.\([0-9]*\)$/\1/p')"
  (cd / && own psql -XAq -P footer=off -v ON_ERROR_STOP=1 -h "$sockets/$1" -p "$3" -U pgbouncer -d pgbouncer -c "$2")
}
quickly() { # NAME WORDS: a frozen process takes the question and does not answer
  PGCONNECT_TIMEOUT=2 timeout 2 "$0" "$pool" console "$1" "$2"
}
is_paused() { quickly "$1" "SHOW STATE" | grep -qx 'paused|yes'; }
answers_no() { said=$(quickly "$1" "SHOW STATE") && printf '%s\n' "$said" | grep -qx 'paused|no'; }

case $word in
console) # NAME WORDS
  console "$3" "$4"
  ;;
hold)
  until=$(($(now) + seconds))
  for name in $(names); do
    (console "$name" PAUSE && : > "$state/held-$name") &
  done
  while
    [ ! -r "$state/until" ] || until=$(cat "$state/until")
    [ "$(now)" -lt "$until" ]
  do
    sleep 0.2
  done
  ;;
release)
  for name in $(names); do
    for _ in 1 2; do
      quickly "$name" RESUME >/dev/null 2>&1
      ! answers_no "$name" || { : > "$state/released-$name"; break; }
      sleep 0.2
    done &
  done
  wait
  ;;
insist)
  for name in $(names); do
    # One that does not answer may be held, and nobody could tell it to go on. A new process holds nobody.
    [ -e "$state/released-$name" ] || systemctl kill --signal=KILL "pgbouncer@$name"
  done
  ;;
await)
  end=$(($(now) + seconds))
  shift 3
  while :; do
    left=
    for name in "$@"; do
      [ -e "$state/held-$name" ] && is_paused "$name" || left="$left $name"
    done
    [ -n "$left" ] || { echo held; exit 0; }
    [ "$(now)" -lt "$end" ] || break
    sleep 0.05
  done
  for name in $left; do
    said=$(quickly "$name" "SHOW SERVERS") || exit 1
    printf '%s\n' "$said" | awk -F'|' -v name="$name" '
      NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
      $at["state"] == "active" { print name "|" $at["database"] "|" $at["user"] "|" $at["remote_pid"] }'
  done
  ;;
extend)
  [ -d "$state" ] || exit 0
  echo $(($(now) + seconds)) > "$state/until.new"
  mv "$state/until.new" "$state/until"
  ;;
esac
