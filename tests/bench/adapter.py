"""Tells the peers' harness how to measure this project: one web process, a worker of two slots, PostgreSQL and Redis.

python $PEERS/bench/bench.py run --targets yoga_pg,strawberry_uvicorn,tests/bench/adapter.py
"""

import json
import urllib.request
from pathlib import Path
from typing import Any

NAME, PORT = "taskfeed", 8196
START = [str(Path(__file__).resolve().parent / "start.sh"), "{port}"]
ENV: dict[str, str] = {}
WS_PATH, SUBPROTOCOL, PER_TASK = "/graphql", "graphql-transport-ws", False
HELLO, ACK = b'{"type":"connection_init"}', b"connection_ack"

SUBMIT = """
mutation Submit($text: String!) { submitTask(input: {task: {reverseString: {text: $text}}}) { task { id status } } }
"""
WATCH = "subscription { tasksUpdated(only: [STATUS]) { kind task { id type status } } }"
SUBSCRIBE = json.dumps({"id": "1", "type": "subscribe", "payload": {"query": WATCH}}).encode()
REGISTER = 'mutation { register(input: {username: "bench", password: "a bench of wood"}) { token } }'


def submit(number: int) -> tuple[str, bytes]:
    """Return path and body of the request that submits task `number`."""
    return "/graphql", json.dumps({"query": SUBMIT, "variables": {"text": f"bench {number}"}}).encode()


def task_id(answer: bytes) -> str:
    """Return the id of the task that an answer tells of."""
    return str(json.loads(answer)["data"]["submitTask"]["task"]["id"])


def event(frame: bytes) -> tuple[str, str] | None:
    """Return the task's id and status that a frame tells, in the harness's words; None for other frames."""
    message = json.loads(frame)
    update = message["payload"]["data"]["tasksUpdated"] if message["type"] == "next" else None
    if update is None or update["kind"] != "EVENT":
        return None
    status = update["task"]["status"]
    return str(update["task"]["id"]), "COMPLETED" if status == "SUCCEEDED" else status


def prepare(base_url: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Register a user; return the HTTP headers and connection parameters with which that user is signed in."""
    body = json.dumps({"query": REGISTER}).encode()
    request = urllib.request.Request(f"{base_url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own server
        token = json.load(response)["data"]["register"]["token"]
    return {"Authorization": f"Bearer {token}"}, {"authorization": f"Bearer {token}"}
