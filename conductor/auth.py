"""Fetches one token for all threads, and keeps it until the server refuses it.

==========================  =========================================================================
state                       effect on a call that needs a token
==========================  =========================================================================
a token is cached           The call uses it, however old it is. Only the server knows its end.
no token is cached          One thread fetches a token. The others wait for the same answer.
the server refuses it       The same, unless another thread has fetched a newer token meanwhile.
new tokens are refused      If no call has worked with a new token, the next one is fetched after a
                            pause. Pauses double. Until then, callers get the refusal as an error.
tokens end very soon        At most ten tokens are fetched in ten seconds, because a server may accept
                            and refuse tokens in turn.
the fetch fails             All waiting callers get the error. The next fetch comes after a growing
                            pause. Calls before that get the same error at once.
the server refuses the key  The same. The log says so once, and again only after a success.
==========================  =========================================================================
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy

from conductor._backoff import CAP, FIRST, Backoff
from conductor._log import logger_of
from conductor._redaction import Secret
from conductor.errors import ApiError, AuthenticationError, ConductorError, DecodeError, TransportError

logger = logger_of(__name__)

MOST_RENEWALS, RENEWALS_WITHIN = 10, 10.0
"""The largest number of renewals within a number of seconds."""

_HEADER_TOKEN = re.compile(r"[\x21-\x7e]+")


class TokenCache:
    """Thread-safe; no lock is held while a token is fetched.

    Three rules limit the fetches, because each meets a case that the others do not see:

    - ``_not_before``: the fetch fails. No token is renewed, so the two others count nothing.
    - ``_unproven``: the fetch gives tokens, and every call refuses them. The pauses end when a call has worked, because
      a token that has worked and is refused later has ended, and must be renewed at once.
    - ``_renewed_at``: some calls accept the tokens that others refuse. Each success would end the pauses.

    fetch: gets a new token from the server, or raises a ConductorError.
    """

    def __init__(self, fetch: Callable[[], Secret], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()  # guards everything below
        self._token: Secret | None = None
        self._fetching: Future[Secret] | None = None
        self._failure: ConductorError | None = None
        self._not_before = 0.0
        self._unproven = 0  # renewed tokens, with the present one, since a call worked
        self._renewed_at = deque([-math.inf] * MOST_RENEWALS, MOST_RENEWALS)
        self._key_was_refused = False  # the log has a message about it
        self._backoff = Backoff(factor=2.0)

    def __repr__(self) -> str:
        return "TokenCache(...)"

    def token(self) -> Secret:
        """The cached token, or a new one. Blocks while one is fetched. Raises the error of the fetch."""
        token = self._token  # reading one reference needs no lock
        return token if token is not None else self._fetched(None)

    def accepted(self, token: Secret) -> None:
        """A call with this token has worked. A later refusal means that the token has ended."""
        if self._unproven and token == self._token:
            with self._lock:
                self._unproven = 0

    def renew(self, refused: Secret) -> Secret | None:
        """A token in place of the refused one. None if it is too early for another one.

        Blocks while one is fetched. Raises the error of the fetch.
        """
        with self._lock:
            if refused == self._token and self._clock() < self._renewable_at():
                return None
        return self._fetched(refused)

    def _renewable_at(self) -> float:
        pause = min(CAP, FIRST * 2.0 ** (self._unproven - 1)) if self._unproven else 0.0
        return max(self._renewed_at[-1] + pause, self._renewed_at[0] + RENEWALS_WITHIN)

    def _fetched(self, refused: Secret | None) -> Secret:
        own: Future[Secret] = Future()
        try:
            with self._lock:
                if self._token is not None and self._token != refused:
                    return self._token
                fetching = self._fetching or own
                if fetching is own:
                    if self._failure is not None and (wait := self._not_before - self._clock()) > 0:
                        failure = copy(self._failure)
                        if isinstance(failure, ApiError) and failure.retry_after is not None:
                            failure.retry_after = wait  # the rest of it
                        raise failure
                    self._fetching = own
            if fetching is own:
                self._fetch_into(own)
            return fetching.result()
        except BaseException as error:  # Ctrl-C may come at any place of the above
            self._give_up(own, error)
            raise

    def _fetch_into(self, own: Future[Secret]) -> None:
        token = _checked(self._fetch())
        with self._lock:
            self._fetching = None
            self._failure = None
            self._key_was_refused = False
            if self._token is not None:
                self._unproven += 1
                self._renewed_at.append(self._clock())
            self._token = token
            self._backoff.reset()
        own.set_result(token)

    def _give_up(self, own: Future[Secret], error: BaseException) -> None:
        """End the fetch of this thread, if it has begun one, for the threads that wait for it."""
        if isinstance(error, ConductorError) and self._fetching is own:
            self._keep(error)
        with self._lock:
            if self._fetching is own:
                self._fetching = None
        if not own.done():
            if not isinstance(error, Exception):  # Ctrl-C in this thread ends no other
                error = TransportError("the thread that fetched the token was interrupted")
            own.set_exception(error)

    def _keep(self, failure: ConductorError) -> None:
        """Keep the error for calls before the next fetch is due."""
        refused = isinstance(failure, AuthenticationError)
        with self._lock:
            news = refused and not self._key_was_refused
            self._key_was_refused = self._key_was_refused or refused
            self._failure = failure
            retry_after = failure.retry_after if isinstance(failure, ApiError) else None
            self._not_before = self._clock() + self._backoff.next(retry_after)
        if news:
            logger.error("the access key got no token: %s", failure)


def _checked(token: Secret) -> Secret:
    if not _HEADER_TOKEN.fullmatch(token):
        raise DecodeError("the server gave a token that is empty or cannot stand in a header")
    return token
