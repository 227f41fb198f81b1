"""The GraphiQL page at /graphql: ours where `project/frontend/build.py` has run, else the one that Strawberry ships."""

from importlib import resources
from pathlib import Path
from typing import Final

from django.contrib.staticfiles import finders

# What the page may load and run is said in its own head, as the two pages differ in it. In a frame it never belongs: a
# site around it could have its visitors press the buttons.
HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = ((b"content-security-policy", b"frame-ancestors 'none'"),)

BUILT_PAGE: Final = "graphiql/index.html"

# Strawberry's page fills the window, and with no internet stays empty: the notice lies over its lower edge.
NOTICE: Final = """\
<p role="status" style="position: fixed; z-index: 1000; bottom: 0; left: 0; right: 0; margin: 0; padding: 0.6em 1em;
  font: 15px/1.4 system-ui, sans-serif; color: #422006; background: #fde68a">
  This page loads GraphiQL from the internet. For one that needs none, run
  <code>python project/frontend/build.py</code> and start the server again.
</p>
"""


def page() -> bytes:
    """Return the page, HTML in UTF-8, to be sent with HEADERS and never from a cache: it names files by their hash.

    Read from the disk each time, since only people open it.
    """
    built = finders.find(BUILT_PAGE)
    return Path(built).read_bytes() if built else fallback()


def fallback() -> bytes:
    """Return Strawberry's page, whose scripts come from a public host, with a notice that says so.

    It finds the addresses for POST and socket from its own, and speaks graphql-transport-ws.
    """
    theirs = resources.files("strawberry").joinpath("static", "graphiql.html").read_text(encoding="utf-8")
    return theirs.replace("<body>", f"<body>\n{NOTICE}", 1).encode()
