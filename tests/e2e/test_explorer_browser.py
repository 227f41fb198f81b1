"""GraphiQL at /graphql in a real browser that reaches this machine alone."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from tests.e2e.support import ROOT, Processes

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "a long enough passphrase"
# The saved examples keep a worker busy for two seconds, and for very much longer where other tests run beside this one.
TASK_MILLISECONDS = 120_000


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Have the page bundled before the server starts, which looks for static files once. Quick where it is."""
    command = [sys.executable, str(ROOT / "project" / "frontend" / "build.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if ended.returncode and not os.environ.get("CI"):
        pytest.skip(f"needs the bundled page. {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a Chromium for which no name but this machine's address exists."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("needs Chromium on PATH, which CI has: apt-get install chromium")
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[rules])
        yield browser
        browser.close()


class Explorer:
    """The open page, and all that went wrong in it."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        self.faults: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("requestfailed", self._failed)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.goto(f"{base_url}/graphql")

    def _failed(self, request: Request) -> None:
        # A page that is left gives up what it was still loading.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.failure}: {request.url}")

    @property
    def tabs(self) -> Locator:
        """The titles of the tabs."""
        return self.page.locator(".graphiql-tab-button")

    @property
    def answer(self) -> Locator:
        """What the last operation answered."""
        return self.page.get_by_label("Result Window")

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        """Use the form in the status line."""
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def run(self, tab: str) -> None:
        """Go to a tab and press the button that executes it."""
        self.page.get_by_role("tab", name=tab).click()
        self.page.get_by_role("button", name="Execute query").click()


@pytest.fixture
def explorer(processes: Processes, browser: Browser) -> Iterator[Explorer]:
    """Open the page as a newcomer does; no cookie and no tab of an earlier visit. Nothing may go wrong in it."""
    with browser.new_context() as context:
        explorer = Explorer(context.new_page(), processes.base_url)
        yield explorer
        assert explorer.faults == []
        hosts = {re.split(r"[/:]+", address)[1] for address in explorer.asked if not address.startswith("data:")}
        assert hosts == {"127.0.0.1"}


def test_a_newcomer_finds_the_examples_and_how_to_sign_in(explorer: Explorer) -> None:
    expect(explorer.tabs).to_have_text(["Submit", "Watch", "Run", "List"])
    expect(explorer.page.get_by_role("status")).to_contain_text("Not signed in")
    expect(explorer.page).to_have_title("Taskfeed · GraphiQL")


def test_a_wrong_password_is_told_beside_the_form(explorer: Explorer) -> None:
    explorer.sign_in("nobody", "guessed")

    expect(explorer.page.locator(".status-line .fault")).not_to_be_empty()


@pytest.mark.usefixtures("api")
def test_a_submitted_task_is_watched_through_its_progress_to_its_result(explorer: Explorer) -> None:
    explorer.sign_in("ada")
    expect(explorer.page.get_by_role("status")).to_have_text("Signed in as ada")

    explorer.run("Submit")
    expect(explorer.answer).to_contain_text('"status": "QUEUED"')
    explorer.run("Watch")

    expect(explorer.answer).to_contain_text(re.compile(r'"fraction": 0\.\d+'), timeout=TASK_MILLISECONDS)
    expect(explorer.answer).to_contain_text('"status": "SUCCEEDED"', timeout=TASK_MILLISECONDS)
    expect(explorer.answer).to_contain_text('"count": 11078937')
    # The server has completed the subscription, so the button starts the next one.
    expect(explorer.page.get_by_role("button", name="Execute query")).to_be_visible()


@pytest.mark.usefixtures("api")
def test_one_operation_submits_and_watches(explorer: Explorer) -> None:
    explorer.sign_in("ada")
    expect(explorer.page.get_by_role("status")).to_have_text("Signed in as ada")

    explorer.run("Run")

    expect(explorer.answer).to_contain_text(re.compile(r'"fraction": 0\.\d+'), timeout=TASK_MILLISECONDS)
    expect(explorer.answer).to_contain_text('"status": "SUCCEEDED"', timeout=TASK_MILLISECONDS)
    explorer.run("List")
    expect(explorer.answer).to_contain_text('"type": "count_primes"')


@pytest.mark.usefixtures("api")
def test_after_signing_out_nothing_of_the_user_is_shown(explorer: Explorer) -> None:
    explorer.sign_in("ada")
    explorer.page.get_by_role("button", name="Sign out").click()
    expect(explorer.page.get_by_role("status")).to_contain_text("Not signed in")

    explorer.run("List")

    expect(explorer.answer).to_contain_text("UNAUTHENTICATED")


def test_the_examples_come_back_when_their_tabs_were_closed(explorer: Explorer) -> None:
    explorer.page.get_by_role("button", name="Close Tab").first.click()
    expect(explorer.tabs).to_have_count(3)

    explorer.page.get_by_role("button", name="Restore the examples").click()

    expect(explorer.tabs).to_have_text(["Submit", "Watch", "Run", "List"])


def test_a_visitor_with_the_system_in_dark_gets_a_dark_page(processes: Processes, browser: Browser) -> None:
    with browser.new_context(color_scheme="dark") as context:
        explorer = Explorer(context.new_page(), processes.base_url)
        expect(explorer.tabs.first).to_be_visible()

        background = explorer.page.locator(".status-line").evaluate("line => getComputedStyle(line).backgroundColor")

    assert max(int(part) for part in re.findall(r"\d+", background)[:3]) < 100
