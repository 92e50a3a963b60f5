#!/usr/bin/env bash
# Ends what up.sh started, by process id. `ray stop` would end every Ray of this machine.
set -euo pipefail

home=${1:-.local}
for file in "$home"/*.pid; do
  [ -e "$file" ] || continue
  pid=$(cat "$file") # leads a session of its own, so -pid is the service with all its children
  kill -TERM "$pid" 2> /dev/null || true
  for _ in $(seq 60); do # Ray takes up to 30 s to let its work end
    kill -0 "$pid" 2> /dev/null || break
    sleep 1
  done
  kill -KILL -- "-$pid" 2> /dev/null || true
  rm "$file"
done
rm -f "$home/ray_token" "$home/s3.json" "$home/env"
