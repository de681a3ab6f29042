#!/bin/bash
# Restores one member's data and recovers them to a moment, as a unit of its own: it goes on when the run that began it
# is cut off. At the end the data are those of a primary that was shut down, on a timeline of their own.
#
# Replay writes where WAL says, and that may be a tablespace of another PostgreSQL on this host. So the recovery can
# write its data and the backup's tablespaces alone; any other one is looked at first, and then it goes on.
#
#   program restore DATA BIN CONFIG STANZA REPOSITORY SET [NAME=VALUE ...]   the settings of the recovery
#   program get CONFIG STANZA FILE PATH                                      its restore_command

set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
sockets=/run/pgbackrest-restore
recovery=pgbackrest-restore-recovery

get() {
  # PostgreSQL takes every code up to 125 for "not there", and would end the recovery early: for a repository that does
  # not answer that is wrong.
  code=0
  pgbackrest --config="$1" --stanza="$2" --log-level-console=error archive-get "$3" "$4" || code=$?
  [ "$code" -le 1 ] || exit 255
  exit "$code"
}

restore() {
  data=$1 bin=$2 config=$3 stanza=$4 repository=$5 set=$6
  shift 6
  cd /
  as="setpriv --reuid=postgres --regid=postgres --init-groups --"
  # Below the place of a mount that is missing it would fill the root file system.
  if [ -x /usr/local/bin/data-mounts ] && ! why=$(/usr/local/bin/data-mounts check postgres "$data"); then
    echo "ERROR: ${why%%$'\n'*}" >&2
    exit 1
  fi
  rm -f "$here/result"
  touch "$here/begun"
  install -d -o postgres -g postgres -m 700 $sockets "$data"
  spaces_made
  # A delta compares what lies there. Nothing is compared with nothing, and a directory that is no data is not taken.
  delta=; [ ! -e "$data/PG_VERSION" ] && [ ! -e "$data/backup.manifest" ] || delta=--delta
  $as pgbackrest --config="$config" --stanza="$stanza" --pg1-path="$data" --process-max="$(nproc)" \
    --log-level-console=info $delta --repo="$repository" --set="$set" --type=none restore
  $as touch "$data/recovery.signal"
  # Patroni's copy of the configuration of then, or of another cluster: where etcd has none it would count.
  rm -f "$data/patroni.dynamic.json"

  # Nothing of the cluster's own configuration: it may be of another host, and name files that are not here. Without
  # hot_standby no value of another time can stop the recovery. What the data were written with is kept: Patroni would
  # take any other value for the cluster's, and wait for a restart.
  : > $sockets/empty.conf
  echo 'local all postgres peer' > $sockets/hba.conf
  memory=$(awk '/^MemAvailable:/ { m = int($2 / 4096); print (m < 128 ? 128 : m > 8192 ? 8192 : m) }' /proc/meminfo)
  settings=(config_file=$sockets/empty.conf hba_file=$sockets/hba.conf ident_file=$sockets/empty.conf
    listen_addresses= unix_socket_directories=$sockets unix_socket_permissions=0700 ssl=off logging_collector=off
    log_destination=stderr log_min_messages=log shared_preload_libraries= hot_standby=off
    "shared_buffers=${memory}MB" max_wal_size=4GB max_logical_replication_workers=0 autovacuum=off
    primary_conninfo= primary_slot_name= recovery_end_command= archive_cleanup_command=
    archive_mode=on "archive_command=/usr/local/bin/pgbackrest-bounded push \"%p\""
    "restore_command=/bin/bash $sockets/program get $config $stanza %f \"%p\"" $(written_with) "$@")
  install -m 755 "$here/program" $sockets/program
  : > $sockets/log
  # The history of the timeline that begins is a copy of that of the recovery_target_timeline and one line more. Where
  # the moment lies before the beginning of that one, the copy would go further than the data, and no standby would find
  # its way by it. So a first recovery finds out on which timeline the moment lies; the second one only repeats its end.
  turn=
  if [[ " $*" =~ \ recovery_target(_time|_lsn|_name)?= ]]; then
    recover recovery_target_action=shutdown
    until wait $server || true; said 'shutdown at recovery target'; do
      admitted || failed
      recover recovery_target_action=shutdown
    done
    turn=recovery_target_timeline=$(controlled "Min recovery ending loc's timeline")
  fi
  recover $turn
  until [ "$(asked 'select not pg_is_in_recovery()' 2> /dev/null)" = t ]; do
    if ! kill -0 $server 2> /dev/null; then
      admitted || failed
      recover $turn
    fi
    sleep 0.2
  done
  if [ -s "$here/roles.sql" ]; then asked < "$here/roles.sql"; rm -f "$here/roles.sql"; fi
  [ "$config" = /etc/pgbackrest/pgbackrest.conf ] || unsubscribe
  timeline=$(asked "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int")
  $as "$bin/pg_ctl" stop -D "$data" -m fast -w -t 86400
  wait $server || true
  ended "$timeline" > "$here/result.new"
  mv "$here/result.new" "$here/result"
}

recover() { # as the settings say; further ones count more
  words=(); for one in "${settings[@]}" "$@"; do words+=(-c "$one"); done
  writable=("$data" "$(readlink -f "$data/pg_wal")" $sockets -/tmp -/var/spool/pgbackrest -/var/log/pgbackrest)
  while IFS= read -r space; do writable+=("$space"); done < <(spaces)
  systemctl stop $recovery 2> /dev/null || true # of a try whose unit was killed
  systemd-run --quiet --collect --pipe --wait --unit=$recovery --uid=postgres --setenv=LC_ALL=C.UTF-8 \
    -p BindsTo=pgbackrest-restore.service -p ProtectSystem=strict \
    -p "ReadWritePaths=$(printf '"%s" ' "${writable[@]}")" \
    "$bin/postgres" -D "$data" "${words[@]}" 2> >(tee -a $sockets/log >&2) &
  server=$!
}

spaces() { # the directories of tablespaces that the recovery can write: the backup's, and those that were admitted
  for link in "$data"/pg_tblspc/*; do [ ! -L "$link" ] || readlink "$link"; done
  [ ! -e "$here/admitted" ] || cat "$here/admitted"
}

spaces_made() { # before the files of the backup are restored
  while IFS= read -r space; do space_made "$space"; done < <(cat "$here/tablespaces" 2> /dev/null)
  # An earlier try has made them, and this one makes them again.
  [ ! -e "$here/admitted" ] || while IFS= read -r space; do rm -rf "$space"/PG_"$(major)"_*; done < "$here/admitted"
}

space_made() { # a directory as PostgreSQL wants it; what is above it may be a file system that is not mounted
  [ ! -d "$1" ] || return 0
  [ -d "$(dirname "$1")" ] || refused "there is no directory above $1, where the backup has a tablespace"
  install -d -o postgres -g postgres -m 700 "$1"
}

admitted() { # the tablespace that replay could not make, unless there is another reason why it ended
  sleep 0.5
  space=$(sed -n 's/.*WAL redo at [^ ]* for Tablespace\/CREATE: [0-9]* "\(.*\)"$/\1/p' $sockets/log | tail -n 1)
  [ -n "$space" ] && ! grep -qxF -- "$space" "$here/admitted" 2> /dev/null || return 1
  ! compgen -G "$space/PG_$(major)_*" > /dev/null ||
    refused "a tablespace is to be made in $space, where a PostgreSQL's files are: move them away"
  space_made "$space"
  echo "$space" >> "$here/admitted"
  : > $sockets/log
}

major() { basename "$(dirname "$bin")"; }

refused() {
  echo "ERROR: $1" >&2
  exit 1
}

said() { # PostgreSQL's log comes a moment after its end
  for _ in {1..30}; do
    ! grep -q "$1" $sockets/log || return 0
    sleep 0.1
  done
  return 1
}

failed() {
  echo "ERROR: $(grep -o 'FATAL: .*' $sockets/log | head -n 1 || echo 'PostgreSQL ended in the recovery')" >&2
  exit 1
}

controlled() { # what pg_controldata has
  LC_ALL=C $as "$bin/pg_controldata" "$data" | sed -n "s/^$1: *//p"
}

written_with() {
  LC_ALL=C $as "$bin/pg_controldata" "$data" |
    sed -n 's/^\([a-z_]*\) setting: */\1=/; s/_xacts=/_transactions=/; s/_xact=/_transaction=/; /^[a-z_]*=/p'
}

asked() { # a statement, or those of the standard input
  $as psql -XAtq -v ON_ERROR_STOP=1 -h $sockets -U postgres -d postgres ${1:+-c "$1"}
}

unsubscribe() {
  # A copy that went on to subscribe would take from the original what it is sent.
  asked 'select datname from pg_database where datallowconn' | while IFS= read -r database; do
    $as psql -XAtq -v ON_ERROR_STOP=1 -h $sockets -U postgres -d "$database" < /dev/null -c "do \$\$ declare name text;
      begin
        for name in select subname from pg_subscription where subenabled
          and subdbid = (select oid from pg_database where datname = current_database())
        loop execute format('alter subscription %I disable', name); end loop;
      end \$\$"
  done
}

ended() {
  # The history of the new timeline says where it left the old one; PostgreSQL's log, which commit was the last.
  left=$(awk 'NF >= 2 { lsn = $2 } END { print lsn }' "$data/pg_wal/$(printf %08X "$1").history")
  last=$(grep -o 'last completed transaction was at log time .*' $sockets/log | tail -n 1 || true)
  echo "$1|$left|${last#last completed transaction was at log time }"
}

"$@"
