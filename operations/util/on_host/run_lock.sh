# The lock of runs on this host, and in etcd as this host reaches it. Prints a line for each: place|word|seconds|lease|text
# $1 take, renew, free; $2 cluster; $3 run; $4 seconds; $5 the note; $6 runs whose locks may be taken over;
# $7 lines for the journal; $8 key in etcd, empty: do not ask; $9 endpoints; ${10} lease; ${11} notes that may be taken over
verb=$1 run=$3 seconds=$4 note=$5 over=$6 lines=$7 key=$8 endpoints=$9 lease=${10} overwrites=${11}
dir=/run/pyinfra-patroni-lock file=/run/pyinfra-patroni-lock/$2
log=/var/log/pyinfra-patroni
umask 077
failed() { echo "host|error|0||$(printf %s "$1" | base64 -w0)"; exit 0; }
said=$(mkdir -p "$dir" 2>&1) || failed "$said"
# As facts/runs/run_lock.py has it.
boot=$(cat /proc/sys/kernel/random/boot_id)/$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)
echo "boot|$boot|0||"
touch "$dir/.mutex" 2>/dev/null || failed "$dir cannot be written"
exec 9> "$dir/.mutex"
said=$(flock -w 10 9 2>&1) || failed "flock: ${said:-another process holds $dir/.mutex}"

# By the kernel's clock, which only goes forward; times of another boot mean nothing.
now=$(cut -d. -f1 /proc/uptime)
has= since= renewed=0 lasts=0 text=
[ ! -e "$file" ] || read -r has since renewed lasts text < "$file"
[ "$since" = "$boot" ] && [ "$((renewed + lasts))" -ge "$now" ] && valid=1 || valid=
other() { echo "host|other|$((now - renewed))||$text"; }
hold() {
  printf '%s %s %s %s\n' "$run" "$boot" "$now" "$seconds $note" > "$file.new" && mv "$file.new" "$file" ||
    failed "$file cannot be written"
  echo 'host|mine|0||'
}
journal() {
  [ -n "$lines" ] || return 0
  { printf '%s\n' "$lines" >> "$log/journal"; } 2>/dev/null
}
case $verb in
  take)
    case " $over " in *" $has "*) valid=;; esac
    if [ -n "$valid" ] && [ "$has" != "$run" ]; then other; exit 0; fi
    hold
    if [ -n "$lines" ]; then
      mkdir -p "$log" && size=$(stat -c %s "$log/journal" 2>/dev/null || echo 0)
      [ "${size:-0}" -lt 1048576 ] || mv "$log/journal" "$log/journal.1"
      journal
    fi;;
  renew)
    if [ "$has" = "$run" ] && [ "$since" = "$boot" ]; then hold
    elif [ -n "$valid" ]; then other; exit 0
    else echo 'host|none|0||'; fi;;
  free)
    if [ "$has" = "$run" ]; then rm -f "$file"; journal; echo 'host|free|0||'
    else journal; echo 'host|none|0||'; fi;;
esac
exec 9>&-
[ -n "$key" ] || exit 0

silent() { echo "etcd|silent|0||$(printf %s "$1" | base64 -w0)"; exit 0; }
[ -e /etc/etcd/pki/etcd.key ] && command -v etcdctl > /dev/null || silent 'no etcd client here'
open() {
  for one in $(echo "$endpoints" | tr , ' '); do
    place=${one#https://}
    if timeout 1 bash -c 'exec 3<>"/dev/tcp/$1/$2"' - "$(echo "${place%:*}" | tr -d '[]')" "${place##*:}" 2>/dev/null
    then return 0; fi
  done
  return 1
}
open || silent 'nothing listens'
ectl() { timeout 10 THE_CLIENT "$@" 2>&1; }
txn() { # compare
  printf '%s\n\nput %s %s --lease=%s\n\nget %s\n\n' "$1" "$key" "$note" "$lease" "$key" | ectl txn
}
grab() {
  lease=$(ectl lease grant "$seconds" | sed -n 's/^lease \([0-9a-f]*\) granted.*/\1/p')
  [ -n "$lease" ] || silent 'no lease was granted'
  said=$(txn "version(\"$key\") = \"0\"") || silent "$said"
  for one in "$note" $overwrites; do
    case $said in SUCCESS*) break;; esac
    said=$(txn "value(\"$key\") = \"$one\"") || silent "$said"
  done
  case $said in
    SUCCESS*) echo "etcd|mine|0|$lease|";;
    FAILURE*) ectl lease revoke "$lease" > /dev/null
      found=$(printf '%s\n' "$said" | tail -n 1)
      case $found in FAILURE | '') silent 'the lock ended just now';; *) echo "etcd|other|0||$found";; esac;;
    *) silent "$said";;
  esac
}
case $verb in
  take) grab;;
  renew)
    [ -n "$lease" ] || { grab; exit 0; }
    said=$(ectl lease keep-alive --once "$lease")
    case $said in
      *keepalived*)
        found=$(ectl get "$key" --print-value-only) || silent "$found"
        if [ "$found" = "$note" ]; then echo "etcd|mine|0|$lease|"
        elif [ -n "$found" ]; then echo "etcd|other|0||$found"
        else grab; fi;;
      *'not found'* | *expired*) grab;;
      *) silent "$said";;
    esac;;
  free)
    said=$(ectl lease revoke "$lease")
    case $said in *revoked* | *'not found'*) echo 'etcd|free|0||';; *) silent "$said";; esac;;
esac
