#!/usr/bin/env bash
# start.sh PORT: web and worker as production runs them, for the peers' harness (its common/env.sh gives `run` and `hold`).
source "${PEERS:?source the common/env.sh of the peers first}/common/env.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
python=$PWD/.venv/bin/python
redis-cli -p "$REDIS_PORT" -n 7 flushdb >/dev/null
recreate_db taskfeed_bench
export DATABASE_URL="postgres://postgres@127.0.0.1:$PG_PORT/taskfeed_bench" REDIS_URL="redis://127.0.0.1:$REDIS_PORT/7"
export SECRET_KEY=bench ALLOWED_HOSTS=127.0.0.1 REGISTRATION_OPEN=1 PORT="$1" WEB_PROCESSES=1 LOG_LEVEL=WARNING
"$python" manage.py migrate -v0
WORKER_CONCURRENCY=2 run worker "$python" -m project.worker
run web "$python" -m project.server
hold
