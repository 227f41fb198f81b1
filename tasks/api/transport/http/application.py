"""The ASGI application of `/graphql` over HTTP."""

import asyncio
import logging
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from graphql import ExecutionResult, OperationType

from tasks.api import explorer
from tasks.api.execution import (
    Context,
    Documents,
    Prepared,
    RequestError,
    Subscription,
    encode,
    execute,
    in_time,
    subscribe,
)
from tasks.api.execution.payloads import INTERNAL
from tasks.api.transport.address import address
from tasks.api.transport.crowd import TOO_MANY_SOCKETS
from tasks.api.transport.http import events, negotiation
from tasks.api.transport.http.body import Parameters, Receive, from_body, from_query_string, read_body
from tasks.api.transport.http.disconnects import unless_disconnected, watched
from tasks.api.transport.http.door import Door, header_map
from tasks.api.transport.http.refusals import ClientGone, Headers, Refused
from tasks.api.transport.http.request import Request, check_origin
from tasks.api.transport.http.responses import OK, Send, respond, session_cookie, status_of
from tasks.api.transport.http.streaming import EventStream
from tasks.api.transport.http.streams import Streams
from tasks.api.viewer import Credentials, Viewer, Viewers
from tasks.errors import StoreUnavailable, Unauthenticated

logger = logging.getLogger("tasks.api")

ALLOW = (b"allow", b"GET, POST")
RETRY_SOON = [(b"retry-after", b"1")]
BACK_OFF = [(b"retry-after", b"10")]
STOPPING = "the server is stopping: whether all of this request was carried out is not known, try again in a moment"


class Answer(NamedTuple):
    """What goes back, but for the headers that every answer has."""

    status: int
    media_type: str
    body: bytes
    headers: Headers = ()


class GraphQLHTTP:
    """Answers queries, mutations and, as server-sent events, subscriptions.

    One per process, on one loop; what it is made of may be shared. GET serves queries, subscriptions that change
    nothing, and the explorer's page to browsers. Nothing is answered as HTML but that page, and no request, whatever
    its bytes, gets a traceback.
    """

    def __init__(
        self,
        documents: Documents,
        viewers: Viewers | None = None,
        door: Door | None = None,
        streams: Streams | None = None,
    ) -> None:
        self.documents = documents
        self.viewers = viewers or Viewers()
        self.door = door or Door()
        self.streams = streams or Streams(self.viewers)
        self.max_body_bytes: int = settings.MAX_BODY_BYTES

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = header_map(scope)
        request = Request(scope, receive, headers, self.door.judge(scope, headers), scope["method"])
        try:
            answer = await self._answer(request)
        except ClientGone:
            return
        except Refused as refused:
            answer = _refusal(request, refused)
        except asyncio.CancelledError:
            # The server stops, and this request took longer than it waits. A client reads an answer better than
            # a connection that broke; what is left to do is to send it.
            _uncancel()
            answer = _refusal(request, Refused(503, STOPPING, StoreUnavailable.code, RETRY_SOON))
        except Exception:
            error_id = uuid4().hex
            logger.exception("Unexpected error %s in the HTTP door", error_id, extra={"error_id": error_id})
            answer = _refusal(request, Refused(500, "Internal error", INTERNAL, id=error_id))
        if isinstance(answer, EventStream):
            await answer.serve(receive, send, request.verdict.headers)
            return
        is_preflight = request.method == "OPTIONS" and b"access-control-request-method" in headers
        common = request.verdict.preflight_headers if is_preflight else request.verdict.headers
        await respond(send, answer.status, answer.media_type, answer.body, (*answer.headers, *common))

    async def _answer(self, request: Request) -> Answer | EventStream:
        early = self._early_answer(request)
        if early is not None:
            return early
        media_type = request.media_type()
        if media_type is None:
            raise Refused(406, negotiation.NOT_ACCEPTABLE)
        if media_type == negotiation.HTML:
            return Answer(200, negotiation.HTML, explorer.page(), explorer.HEADERS)
        is_from_our_page = check_origin(request)
        parameters = await self._parameters(request)
        credentials = request.credentials(is_from_our_page)
        context = Context(
            await self._viewer(credentials),
            scope=request.scope,
            session_key=credentials.session_key,
            sets_cookies=is_from_our_page,
            find_address=partial(address, request.scope),
        )
        prepared = self.documents.at_once(parameters.query)
        if prepared is None:
            prepared = await self.documents.aside(parameters.query)
        result: ExecutionResult | Subscription
        if not isinstance(prepared, Prepared):
            result = RequestError(None, prepared)
        elif _is_to_be_streamed(request, prepared, parameters):
            media_type = negotiation.EVENTS
            result = await self._open(request, prepared, parameters, context)
        else:
            result = await self._execute(request, prepared, parameters, context)
        if isinstance(result, Subscription):
            return EventStream(self.streams, result, credentials, context)
        answer_headers: Headers = ()
        if context.session_change is not None:
            self.viewers.forget(context.viewer, context.session_key)
            answer_headers = session_cookie(context.session_change) if context.sets_cookies else ()
        body = encode(result)
        if media_type == negotiation.EVENTS:
            return Answer(OK, media_type, events.whole(body), answer_headers)
        return Answer(status_of(result, media_type), media_type, body, answer_headers)

    def _early_answer(self, request: Request) -> Answer | None:
        """Return what is answered before anybody looks at what is asked; None: go on."""
        if not request.verdict.host_allowed:
            raise Refused(400, "this host is not served here: see ALLOWED_HOSTS")
        if request.verdict.redirects:
            location = self.door.https_location(request.scope).encode("latin1")
            return Answer(301, negotiation.JSON, b"", [(b"location", location)])
        if request.method == "OPTIONS":
            return Answer(204, negotiation.JSON, b"", [ALLOW])
        return None

    async def _parameters(self, request: Request) -> Parameters:
        if request.method == "GET":
            query_string = request.scope.get("query_string", b"")
            if len(query_string) > self.max_body_bytes:
                raise Refused(414, f"The query string is over {self.max_body_bytes} bytes", "TOO_LARGE")
            return from_query_string(query_string)
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not served here: expected GET or POST", headers=[ALLOW])
        body = await read_body(request.receive, request.headers.get(b"content-length"), self.max_body_bytes)
        fault = negotiation.content_fault(request.header(b"content-type"), request.header(b"content-encoding"))
        if fault is not None:
            raise Refused(*fault)
        return from_body(body)

    async def _viewer(self, credentials: Credentials) -> Viewer:
        try:
            return await self.viewers.of(credentials)
        except Unauthenticated as error:
            raise Refused(401, str(error), error.code, [(b"www-authenticate", b"Bearer")]) from None
        except StoreUnavailable as error:
            raise Refused(503, str(error), error.code, RETRY_SOON) from None

    async def _open(
        self, request: Request, prepared: Prepared, parameters: Parameters, context: Context
    ) -> ExecutionResult | Subscription:
        if request.method == "GET" and prepared.changes_data(parameters.operation_name):
            raise Refused(405, "GET serves no subscription that changes data: use POST", headers=[(b"allow", b"POST")])
        if self.streams.is_stopping:
            raise Refused(503, STOPPING, StoreUnavailable.code, RETRY_SOON)
        context.resume_after = request.header(b"last-event-id") or None
        client, user_id = context.address, context.viewer.user_id
        if not self.streams.admit(client, user_id):
            # Said before runTask submits anything.
            raise Refused(
                429, "too many streams and sockets of one address or user are open", TOO_MANY_SOCKETS, BACK_OFF
            )
        opened: ExecutionResult | Subscription | None = None
        try:
            opened = await subscribe(prepared, parameters.operation_name, parameters.variables, context)
        finally:
            if not isinstance(opened, Subscription):
                self.streams.dismiss(client, user_id)
        return opened

    async def _execute(
        self, request: Request, prepared: Prepared, parameters: Parameters, context: Context
    ) -> ExecutionResult:
        operation_type = prepared.operation_type(parameters.operation_name)
        if request.method == "GET" and operation_type not in (OperationType.QUERY, None):
            raise Refused(405, "GET executes no such operation: use POST", headers=[(b"allow", b"POST")])
        result = execute(prepared, parameters.operation_name, parameters.variables, context)
        if isinstance(result, ExecutionResult):
            return result
        if operation_type is OperationType.QUERY:
            return await unless_disconnected(in_time(result, prepared, context), request.receive)
        with watched(request.receive, context.abandoned.set):
            return await in_time(result, prepared, context)


def _is_to_be_streamed(request: Request, prepared: Prepared, parameters: Parameters) -> bool:
    return prepared.operation_type(parameters.operation_name) is OperationType.SUBSCRIPTION and request.streams()


def _uncancel() -> None:
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def _refusal(request: Request, refused: Refused) -> Answer:
    graphql = request.media_type() == negotiation.GRAPHQL_RESPONSE
    return Answer(
        refused.status, negotiation.GRAPHQL_RESPONSE if graphql else negotiation.JSON, refused.body, refused.headers
    )
