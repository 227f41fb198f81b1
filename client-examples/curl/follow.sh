#!/usr/bin/env bash
# Submit with curl, and follow by server-sent events: TASKFEED_TOKEN=… ./follow.sh
set -euo pipefail

url=${TASKFEED_URL:-http://127.0.0.1:8000/graphql}

ask() {
  curl --silent --show-error --fail-with-body "$url" -H "Authorization: Bearer $TASKFEED_TOKEN" "$@"
}

submit() { # the task, and for how many seconds to wait for its end
  ask -H 'Content-Type: application/json' -d '{
    "query": "mutation($task: TaskInput!, $wait: Float!) { submitTask(input: {task: $task}, waitSeconds: $wait) { task { id status resultJson } errors { ... on UserError { message path } } } }",
    "variables": {"task": '"$1"', "wait": '"$2"'}
  }'
}

# Short work: the answer has the result.
submit '{"reverseString": {"text": "live"}}' 10
echo

# Long work: the answer has the id, and each event comes as it happens.
submitted=$(submit '{"tellStory": {"topic": "a lighthouse", "sentences": 2}}' 0)
id=$(sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' <<<"$submitted")

query='subscription($id: ID!, $after: EventCursor) { taskUpdated(id: $id, after: $after) { kind task { status } event { __typename version ... on TaskOutput { chunk } } } }'
events=$(mktemp)
trap 'rm -f "$events"' EXIT
until grep -q '^event: complete' "$events"; do
  # The id of each event is its cursor, and an empty line its end. A stream that ended without `complete` is taken up
  # after the last event that is whole.
  after=$(awk '/^id: / { id = $2 } /^$/ { last = id } END { if (last) print "\"" last "\"" }' "$events")
  ask -N -G -H 'Accept: text/event-stream' --data-urlencode "query=$query" \
    --data-urlencode "variables={\"id\": \"$id\", \"after\": ${after:-null}}" | tee -a "$events" || ended=$?
  # 22: the server refused, and would again.
  if [ "${ended:-0}" -eq 22 ]; then exit 1; fi
  grep -q '^event: complete' "$events" || sleep 1
done
