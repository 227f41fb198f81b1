"""Asking for something: each resolver hands on to the module that knows, and answers with what it said."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import strawberry
from django.conf import settings

from tasks import accounts, submission
from tasks.accounts import AuthAnswer, WatchTokenAnswer
from tasks.api.execution.context import Context
from tasks.api.queries import read_id
from tasks.api.types.fields import resolved
from tasks.api.types.info import Info
from tasks.api.types.inputs import SubmitTaskArgument
from tasks.api.types.payloads import (
    AuthPayload,
    CancelTaskInput,
    CancelTaskPayload,
    CreateWatchTokenInput,
    CreateWatchTokenPayload,
    LoginInput,
    LogoutPayload,
    RegisterInput,
    RetryTaskInput,
    RetryTaskPayload,
    SubmitTaskPayload,
)
from tasks.api.viewer import Viewer
from tasks.errors import NotFound
from tasks.submission import Answer, SubmitRequest

Change = Callable[[UUID, bool, UUID], Awaitable[Answer]]


@strawberry.type(
    description="Asking for something. Each field is nullable, so that an unexpected failure in one leaves the others "
    "of the document standing."
)
class Mutation:
    """The roots of asking."""

    @resolved("With waitSeconds (at most 60): answers when the task is final, or after that long.")
    async def submit_task(
        self,
        info: Info,
        input: SubmitTaskArgument,  # noqa: A002 - the contract's name
        wait_seconds: float = 0,
    ) -> SubmitTaskPayload | None:
        """Store a task and have it run."""
        owner_id = info.context.viewer.require()
        request = SubmitRequest(**input, wait_seconds=wait_seconds)
        abandoned = None
        if wait_seconds:
            abandoned = info.context.abandoned
            info.context.wait_for_client(min(max(wait_seconds, 0), settings.MAX_WAIT_SECONDS))
        return await submission.submit(owner_id, request, abandoned)  # type: ignore[return-value]  # its source

    @resolved(
        "A task that nobody works on is CANCELLED at once; a running one stays RUNNING until its handler has ended."
    )
    async def cancel_task(
        self,
        info: Info,
        input: CancelTaskInput,  # noqa: A002 - the contract's name
    ) -> CancelTaskPayload | None:
        """Ask a task to stop."""
        return await _about(info.context.viewer, input.id, submission.cancel)  # type: ignore[return-value]  # its source

    @resolved("Run a task again that has FAILED, EXPIRED or was CANCELLED.")
    async def retry_task(
        self,
        info: Info,
        input: RetryTaskInput,  # noqa: A002 - the contract's name
    ) -> RetryTaskPayload | None:
        """Take a task back to its queue."""
        return await _about(info.context.viewer, input.id, submission.retry)  # type: ignore[return-value]  # its source

    @resolved("Make a user, and sign in.")
    async def register(
        self,
        info: Info,
        input: RegisterInput,  # noqa: A002 - the contract's name
    ) -> AuthPayload | None:
        """Make a user, and sign in."""
        context = info.context
        answer = await accounts.register(
            input.username,
            input.password,
            session_key=context.session_key,
            with_session=context.sets_cookies,
            address=context.address,
        )
        return _signed_in(context, answer)  # type: ignore[return-value]  # its source

    @resolved("Sign in: a session for browsers, a token for programs.")
    async def login(
        self,
        info: Info,
        input: LoginInput,  # noqa: A002 - the contract's name
    ) -> AuthPayload | None:
        """Sign in."""
        context = info.context
        answer = await accounts.login(
            input.username,
            input.password,
            session_key=context.session_key,
            with_session=context.sets_cookies,
            address=context.address,
        )
        return _signed_in(context, answer)  # type: ignore[return-value]  # its source

    @resolved("Sign out: the session and the token that came with this request end.")
    async def logout(self, info: Info) -> LogoutPayload | None:
        """Sign out."""
        context = info.context
        context.viewer.require()
        await accounts.logout(context.viewer, context.session_key)
        context.sign_out()
        return LogoutPayload(ok=True)

    @resolved(
        "A token with which anybody may follow this one task: `task`, `node` and `taskUpdated` alone, and of the task "
        "its ids, type, status, progress, times, attempt, versions, cursors, result, output, the failure's code and "
        "message; whatever else a document selects is FORBIDDEN. TaskLogged events are withheld, so that versions may "
        "have holes. It ends early where its giver could not see the task any more, or has a new password."
    )
    async def create_watch_token(
        self,
        info: Info,
        input: CreateWatchTokenInput,  # noqa: A002 - the contract's name
    ) -> CreateWatchTokenPayload | None:
        """Give somebody who has no account the sight of one task."""
        user_id, task_id = info.context.viewer.require(), read_id(input.task_id)
        if task_id is None:
            answer = WatchTokenAnswer(errors=[_not_a_task(input.task_id, "taskId")])
        else:
            answer = await accounts.create_watch_token(user_id, task_id, input.expires_in_seconds)
        return answer  # type: ignore[return-value]  # its source


async def _about(viewer: Viewer, task_id: str, change: Change) -> Answer:
    user_id = viewer.require()
    known = read_id(task_id)
    if known is None:
        return Answer(None, [_not_a_task(task_id, "id")])
    return await change(user_id, viewer.is_staff, known)


def _not_a_task(text: str, name: str) -> NotFound:
    return NotFound(f"expected a task's id, a UUID, got: {text[:80]!r}", ["input", name])


def _signed_in(context: Context, answer: AuthAnswer) -> AuthAnswer:
    if answer.session_key is not None:
        context.sign_in(answer.session_key)
    return answer
