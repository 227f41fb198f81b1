"""What a newcomer reads when all is ready."""

from typing import Final

EXAMPLE: Final = """\
mutation Submit {
  submitTask(input: {task: {countPrimes: {limit: 500000000}}}) {
    task { id status }
    errors { ... on UserError { message } }
  }
}

subscription Watch {
  taskUpdated(id: "the id from above") {
    kind
    task {
      status
      progress { fraction message }
      ... on CountPrimesTask { result { count } }
    }
  }
}
"""
"""Two operations to paste into GraphiQL; a test validates them against the schema."""


def announcement(base_url: str, link: str | None, seconds: float) -> str:
    """Return the text; `link` signs the demo user in."""
    sign_in = (
        f"Sign in as the demo user, within the hour and on this machine:\n  {link}\n\n"
        if link
        else f"GraphiQL: {base_url}/graphql\n\n"
    )
    example = "".join(f"  {line}\n" if line else "\n" for line in EXAMPLE.splitlines())
    return (
        f"\nTaskfeed is ready at {base_url} ({seconds:.1f} s). Ctrl-C stops it.\n\n"
        f"{sign_in}Submit a task, then watch it:\n\n{example}"
    )
