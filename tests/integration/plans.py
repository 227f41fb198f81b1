"""The plans of the very statements that our functions run, caught on their way to PostgreSQL."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

BIG: Final = frozenset({"tasks_task", "tasks_event", "tasks_attempt"})


@dataclass(frozen=True)
class Plan:
    """What PostgreSQL did for one statement."""

    statement: str
    tree: dict[str, Any]
    milliseconds: float

    @property
    def sequential(self) -> list[str]:
        """The big tables that were read from end to end."""
        return [
            node["Relation Name"] for node in _nodes(self.tree) if node["Node Type"] == "Seq Scan" and _is_big(node)
        ]

    @property
    def rows(self) -> int:
        """How many rows of the big tables and their indexes were looked at, those that did not fit among them."""
        return sum(_looked_at(node) for node in _nodes(self.tree) if "Scan" in node["Node Type"] and _is_big(node))

    def __str__(self) -> str:
        return f"{self.milliseconds:.1f} ms, {self.rows} rows: {self.statement}\n{json.dumps(self.tree, indent=1)}"


@contextmanager
def caught_plans() -> Iterator[list[Plan]]:
    """Inside a transaction: the plan of each statement that follows, as it is with the rows that it meets."""
    plans: list[Plan] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)\b", sql):
            with connection.connection.cursor() as cursor:  # the driver's own: what is asked here is not caught
                cursor.execute("SAVEPOINT before_explain")
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                (((explained,),),) = cursor.fetchall()
                cursor.execute("ROLLBACK TO SAVEPOINT before_explain")
            plans.append(Plan(" ".join(sql.split()), explained["Plan"], explained["Execution Time"]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _is_big(node: dict[str, Any]) -> bool:
    return node.get("Relation Name") in BIG or node["Node Type"] == "Bitmap Index Scan"


def _looked_at(node: dict[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])
