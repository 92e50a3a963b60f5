#!/usr/bin/env bash
# Ends what up.sh started, by process id. `ray stop` would end every Ray of this machine.
set -euo pipefail

home=${1:-.local}
for file in "$home"/*.pid; do
  [ -e "$file" ] || continue
  pid=$(cat "$file")
  kill -TERM "$pid" 2> /dev/null || true
  for _ in $(seq 30); do
    kill -0 "$pid" 2> /dev/null || break
    sleep 1
  done
  rm "$file"
done
rm -f "$home/ray_token" "$home/s3.json" "$home/env"
