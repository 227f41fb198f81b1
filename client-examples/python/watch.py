#!/usr/bin/env python3
"""Submit a task to Taskfeed, and follow it live to its end.

    pip install "gql[aiohttp,websockets]"
    python watch.py --username demo --password … --limit 200000000

A program that has a token already gives --token instead. What is not given is read from the environment:
TASKFEED_URL, TASKFEED_TOKEN, TASKFEED_USERNAME, TASKFEED_PASSWORD. Ends with 0 if the task has succeeded.
"""
# ruff: noqa: T201 - a program on the command line speaks by printing

import argparse
import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport

LOGIN = """mutation ($username: String!, $password: String!) {
  login(input: { username: $username, password: $password }) { token errors { ... on UserError { message } } }
}"""
SUBMIT = """mutation ($limit: Int!) {
  submitTask(input: { task: { countPrimes: { limit: $limit } } }) {
    task { id }
    errors { ... on UserError { message path } }
  }
}"""
FOLLOW = """subscription ($id: ID!, $after: EventCursor) {
  taskUpdated(id: $id, after: $after) {
    kind
    cursor
    task {
      status
      progress { fraction message }
      failure { code message }
      ... on CountPrimesTask { result { count largest } }
    }
  }
}"""


async def watch(options: argparse.Namespace) -> bool:
    """Log in, submit, and print each frame as it comes; whether the task has succeeded."""
    token = options.token
    if not token:
        login = await mutate(options.url, "", LOGIN, username=options.username, password=options.password)
        token = login["token"]
    # The task is stored when this answers: nothing that happens to it from now on can be missed.
    task_id = (await mutate(options.url, token, SUBMIT, limit=options.limit))["task"]["id"]
    print(f"submitted {task_id}")
    task = {}
    async for frame in follow(options.url, token, task_id):
        task = frame["task"]
        told = task["failure"] or task["result"] or task["progress"] or ""
        print(f"{frame['kind']:8} {task['status']:9} {told}", flush=True)
    return task.get("status") == "SUCCEEDED"


async def mutate(url: str, token: str, document: str, **variables: Any) -> dict[str, Any]:
    """Send a mutation by POST and return its payload; what it refuses, and why, ends the program."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with Client(transport=AIOHTTPTransport(url, headers=headers)) as session:
        answer = await session.execute(GraphQLRequest(document, variable_values=variables))
    payload: dict[str, Any] = next(iter(answer.values()))
    if payload["errors"]:
        sys.exit(f"refused: {payload['errors']}")
    return payload


async def follow(url: str, token: str, task_id: str) -> AsyncIterator[dict[str, Any]]:
    """Yield each frame until the task is final, when the server completes the subscription.

    After a lost connection it goes on from the last frame's cursor: no frame is missed, and none comes twice.
    """
    cursor, failures = None, 0
    while True:
        transport = WebsocketsTransport(
            url.replace("http", "ws", 1),
            subprotocols=["graphql-transport-ws"],
            init_payload={"authorization": f"Bearer {token}"},
            ping_interval=20,
            pong_timeout=10,
        )
        request = GraphQLRequest(FOLLOW, variable_values={"id": task_id, "after": cursor})
        try:
            async with Client(transport=transport) as session:
                async for answer in session.subscribe(request):
                    cursor, failures = answer["taskUpdated"]["cursor"], 0
                    yield answer["taskUpdated"]
        except (TransportError, OSError) as lost:
            failures += 1
            if is_final(lost) or failures > 10:  # noqa: PLR2004 - refused, or out of patience
                raise
            print(f"connection lost ({lost}), trying again", file=sys.stderr)
            # Half of it by chance, so that a server that comes back does not get everybody in the same moment.
            await asyncio.sleep(min(0.25 * 2**failures, 5) * random.uniform(0.5, 1))  # noqa: S311 - no secret
        else:
            return


def is_final(error: Exception) -> bool:
    """Whether it would only come again: the server has refused the operation, and does not just stop or start."""
    if not isinstance(error, TransportQueryError):
        return False
    codes = [fault.get("extensions", {}).get("code") for fault in error.errors or []]
    return codes != ["UNAVAILABLE"]


def main() -> int:
    """Read the command line, and watch one task."""
    parser = argparse.ArgumentParser(description="Count primes in the background, and watch.")
    parser.add_argument("--url", default=os.environ.get("TASKFEED_URL", "http://127.0.0.1:8000/graphql"))
    for name in ("token", "username", "password"):
        parser.add_argument(f"--{name}", default=os.environ.get(f"TASKFEED_{name.upper()}", ""))
    parser.add_argument("--limit", type=int, default=200_000_000, help="how far to look for primes")
    options = parser.parse_args()
    if not options.token and not options.username:
        parser.error("expected --token, or --username and --password")
    try:
        return 0 if asyncio.run(watch(options)) else 1
    except (TransportError, OSError) as fault:
        print(fault, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
