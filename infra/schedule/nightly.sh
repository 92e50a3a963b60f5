#!/usr/bin/env bash
# Submits tonight's run to a standing Ray cluster and waits for its end. For cron:
#
#   30 19 * * *  ctcohort  /opt/ctcohort/infra/schedule/nightly.sh /etc/ctcohort/nightly.toml
#
# The settings file is read on the cluster's head, and says what flags would show to all on Ray's
# dashboard: where archive, index and tables lie. /etc/ctcohort/nightly.env sets
# RAY_API_SERVER_ADDRESS, RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH; keys of buckets and of a PACS
# are in the environment of the cluster's nodes, the site secret in that of the head; not here and not
# in the job.
set -euo pipefail

settings=${1:?usage: nightly.sh SETTINGS.toml}
cd "$(dirname "$0")/../.."
[ ! -f /etc/ctcohort/nightly.env ] || . /etc/ctcohort/nightly.env

# One name a night: a second submission of the same night is refused. Should two nights overlap all
# the same, the tables let only one of them commit.
night=ctcohort-$(date -u +%Y-%m-%d)
if ray job status "$night" > /dev/null 2>&1; then
  echo "$night has been submitted already" >&2
  exit 2
fi
ray job submit --submission-id "$night" --working-dir . -- \
  python -m jobs.segment --config "$settings" || status=$?

# `ray job submit` ends with 1 whatever the job's own code was: 1 (some series failed) is a normal
# night, 2 (could not run) is not.
code=$(ray job list 2> /dev/null | python -c '
import re, sys
found = re.search(r"submission_id=.%s.*?driver_exit_code=(\w+)" % sys.argv[1], sys.stdin.read(), re.S)
print(found.group(1) if found else "unknown")' "$night")
echo "$night ended with exit code $code"
[ "${status:-0}" -eq 0 ] || [ "$code" = 1 ]
