"""The sandbox behind the stripe library, in the same process.

`stripe.StripeClient(key, http_client=SandboxHTTPClient(sandbox))`; dj-stripe takes it as
`stripe.default_http_client`.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe

from sandbox import forms
from sandbox.core import Sandbox
from sandbox.errors import ApiError, ConnectionLost
from sandbox.router import resolve


class SandboxHTTPClient(stripe.HTTPClient):
    """Answers the library's calls from a sandbox and counts them.

    `calls` counts by (method, endpoint), such as ("POST", "/v1/invoices/{id}/pay"); each try of
    the library's own retries counts. A lost connection surfaces as stripe.APIConnectionError.
    """

    name = "sandbox"

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.sandbox = sandbox
        self.calls: Counter[tuple[str, str]] = Counter()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        encoded = post_data if post_data else parts.query
        if isinstance(encoded, bytes):
            encoded = encoded.decode()
        self.calls[method.upper(), endpoint_of(method.upper(), parts.path)] += 1
        try:
            params = forms.parse(encoded or "")
            answer = self.sandbox.request(method, parts.path, params, dict(headers or {}))
        except ApiError as error:
            return json.dumps(error.body()), error.status, {}
        except ConnectionLost as lost:
            raise stripe.APIConnectionError(str(lost), should_retry=True) from lost  # type: ignore[no-untyped-call]
        # The library looks headers up in lower case.
        lower = {name.lower(): value for name, value in answer.headers.items()}
        return json.dumps(answer.body), answer.status, {**answer.headers, **lower}

    def close(self) -> None:
        """Nothing is held open."""


def endpoint_of(method: str, path: str) -> str:
    """Return the endpoint's pattern, or the path itself if the sandbox does not have it."""
    try:
        return resolve(method, path)[0].pattern
    except ApiError:
        return path
