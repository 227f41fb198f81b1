"""The dearest documents we know of, within the size that is let through and beyond: for tests and for tests/bench."""

from collections.abc import Callable


def _fragments(number: int, body: Callable[[int], str], on: str = "Query") -> str:
    return " ".join(f"fragment F{i} on {on} {{ {body(i)} }}" for i in range(number))


def _spreads(names: range) -> str:
    return " ".join(f"...F{i}" for i in names)


ALIASED_PAGES = "{ " + " ".join(f"a{i}: tasks(first: 100) {{ nodes {{ id }} }}" for i in range(95)) + " }"

REFUSED: dict[str, tuple[str, str]] = {
    "200,000 tokens": ("{ " + "me " * 200_000 + "}", "TOO_LARGE"),
    "20,000 tokens": ("{ " + "a " * 20_000 + "}", "TOO_MANY_TOKENS"),
    "20,000 comments": ("#\n" * 20_000 + "{ __typename }", "TOO_MANY_TOKENS"),
    "a string of a megabyte": ('{ task(id: "' + "a" * 1_000_000 + '") { id } }', "TOO_LARGE"),
    "10,000 aliases": ("{ " + " ".join(f"a{i}:me" for i in range(10_000)) + " }", "TOO_LARGE"),
    "400 aliases": ("{ " + " ".join(f"a{i}: __typename" for i in range(400)) + " }", "TOO_MANY_ALIASES"),
    "aliases by fragments": (
        "{ "
        + _spreads(range(15)) * 3
        + " } "
        + _fragments(15, lambda i: f"a{i}: __typename b{i}: __typename c: __typename"),
        "TOO_MANY_ALIASES",
    ),
    "600 directives": ("{ me { id " + "@skip(if:true) " * 60 + "} }", "TOO_MANY_DIRECTIVES"),
    "100 operations": (" ".join(f"query Q{i} {{ __typename }}" for i in range(100)), "TOO_MANY_DEFINITIONS"),
    "100 fragments": ("{ me { id } } " + _fragments(100, lambda _: "__typename"), "TOO_MANY_DEFINITIONS"),
    "16 deep": ("{ task(id: 1) { " + "... on Task { owner { " * 16 + "id" + " } }" * 16 + " } }", "TOO_DEEP"),
    "190 deep": ("{ me { " + "x { " * 190 + "y" + " }" * 192, "TOO_DEEP"),
    "100,000 braces": ("{ " + "me { " * 12_000, "GRAPHQL_PARSE_FAILED"),
    "the same field 1,900 times": ("{ " + "__typename " * 1_900 + "}", "TOO_COMPLEX"),
    "the same alias 450 times": ("{ " + "a: __typename " * 450 + "}", "TOO_MANY_ALIASES"),
    "the same object 300 times": ("{ " + "me { id } " * 300 + "}", "TOO_COMPLEX"),
    "arguments that differ": ("{ " + " ".join(f'task(id: "{i}") {{ id }}' for i in range(150)) + " }", "TOO_COMPLEX"),
    "inline fragments that overlap": ("{ task(id: 1) { " + "... on Task { id } " * 200 + "} }", "TOO_COMPLEX"),
    "fragments that overlap": (
        "{ " + _spreads(range(45)) + " } " + _fragments(45, lambda _: "__typename me { id } " * 3),
        "TOO_COMPLEX",
    ),
    "fragments that double": (
        "{ ...F0 } "
        + _fragments(40, lambda i: f"a{i}: __typename ...F{i + 1} ...F{i + 1}")
        + " fragment F40 on Query { me { id } }",
        "TOO_MANY_ALIASES",
    ),
    "fragments that each spread all later ones": (
        "{ ...F0 } " + _fragments(40, lambda i: _spreads(range(i + 1, 41))) + " fragment F40 on Query { me { id } }",
        "TOO_MANY_FIELDS",
    ),
    "fragments in a ring": (
        "{ ...F0 } " + _fragments(45, lambda i: " ".join(f"...F{(i + step) % 45}" for step in range(1, 10))),
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "1,900 unknown fields": ("{ " + " ".join(f"n{i}" for i in range(1_900)) + " }", "GRAPHQL_VALIDATION_FAILED"),
    "1,900 fields nearly known": (
        "{ task(id: 1) { " + " ".join(f"statu{i}" for i in range(1_900)) + " } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "600 unknown arguments": (
        "{ tasks(" + " ".join(f"a{i}: 1" for i in range(600)) + ") { nodes { id } } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "600 unknown members": (
        "{ tasks(filter: {" + " ".join(f"a{i}: 1" for i in range(600)) + "}) { nodes { id } } }",
        "BAD_USER_INPUT",
    ),
    "1,900 wrong values": ("{ tasks(filter: {statuses: [" + "X " * 1_900 + "]}) { nodes { id } } }", "BAD_USER_INPUT"),
    "a list 180 deep": (
        "{ tasks(filter: {ids: " + "[" * 180 + "1" + "]" * 180 + "}) { nodes { id } } }",
        "BAD_USER_INPUT",
    ),
    "a list 900 deep": (
        "{ tasks(filter: {ids: " + "[" * 900 + "1" + "]" * 900 + "}) { nodes { id } } }",
        "GRAPHQL_PARSE_FAILED",
    ),
    "an object 180 deep": (
        "{ tasks(filter: " + "{a: " * 180 + "1" + "}" * 180 + ") { nodes { id } } }",
        "BAD_USER_INPUT",
    ),
    "400 variables": (
        "query (" + " ".join(f"$v{i}: Int" for i in range(400)) + ") { __typename }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "pages under aliases": (ALIASED_PAGES, "TOO_COMPLEX"),
    "pages in pages": (
        "{ tasks(first: 100) { nodes { events(first: 1000) { nodes { cursor } } attempts { number } } } }",
        "TOO_COMPLEX",
    ),
    "60 changes": (
        "mutation { " + " ".join(f"a{i}: cancelTask(input: {{id: 1}}) {{ task {{ id }} }}" for i in range(60)) + " }",
        "TOO_MANY_ROOT_FIELDS",
    ),
    "60 changes by a fragment": (
        "mutation { ...M ...M } fragment M on Mutation { "
        + " ".join(f"a{i}: logout {{ ok }}" for i in range(30))
        + " }",
        "TOO_MANY_ROOT_FIELDS",
    ),
    "ten introspections": (
        "{ " + " ".join(f"a{i}: __schema {{ types {{ name }} }}" for i in range(10)) + " }",
        "TOO_COMPLEX",
    ),
}
"""By what makes each dear: the document, for the project's own schema, and the code it is refused with."""

DEAREST = (
    "1,900 fields nearly known",
    "600 unknown members",
    "1,900 unknown fields",
    "fragments that overlap",
    "fragments in a ring",
    "pages under aliases",
    "20,000 tokens",
    "a string of a megabyte",
)
"""What a client would send that wants to keep the server busy."""
