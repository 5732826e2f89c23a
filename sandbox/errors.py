"""Stripe's error answers.

Source: https://docs.stripe.com/api/errors
"""

from typing import Any

from sandbox.types import Obj


class ApiError(Exception):
    """An answer other than 200.

    `stored` says whether the answer is kept under the call's idempotency key: Stripe keeps the
    first answer once the endpoint began to execute, and keeps neither validation failures nor
    conflicts. Source: https://docs.stripe.com/api/idempotent_requests
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        stored: bool = False,
        retry: bool | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.stored = stored
        self.retry = retry
        self.extra = extra or {}

    def body(self) -> Obj:
        error: Obj = {"message": self.message, "type": self.type, **self.extra}
        if self.code is not None:
            error["code"] = self.code
            error.setdefault(
                "doc_url", f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
            )
        if self.param is not None:
            error["param"] = self.param
        return {"error": error}

    def headers(self) -> dict[str, str]:
        if self.retry is None:
            return {}
        return {"Stripe-Should-Retry": "true" if self.retry else "false"}


class ConnectionLost(Exception):
    """No answer reached the caller. Whether the call was carried out, the caller cannot know."""


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    """Refuse the parameters: 400, not stored under the idempotency key."""
    return ApiError(400, message, param=param, code=code)


def refused(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """Refuse because of the object's state: 400, found while executing, hence stored."""
    return ApiError(400, message, code=code, param=param, stored=True)


def missing(kind: str, id: str, *, param: str | None = "id") -> ApiError:
    """No such object for this key, mode and account: 404 resource_missing."""
    return ApiError(
        404, f"No such {kind.replace('_', ' ')}: '{id}'", code="resource_missing", param=param
    )


def rate_limited() -> ApiError:
    return ApiError(
        429,
        "Request rate limit exceeded. Learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
        retry=True,
    )


def lock_timeout() -> ApiError:
    """Two calls touch one object at the same time."""
    return ApiError(
        429,
        "This object cannot be accessed right now because another API request or Stripe process "
        "is currently accessing it.",
        code="lock_timeout",
        retry=True,
    )


def key_in_use(key: str) -> ApiError:
    return ApiError(
        409,
        "There is currently another in-progress request using this Idempotent Key "
        f"(that probably means you submitted twice, and the other request is still going through):"
        f" {key}.",
        type="idempotency_error",
        code="idempotency_key_in_use",
        retry=True,
    )


def key_reused(key: str) -> ApiError:
    return ApiError(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request.",
        type="idempotency_error",
    )


def server_error() -> ApiError:
    return ApiError(
        500,
        "An unknown error occurred",
        type="api_error",
        stored=True,
        retry=False,
    )
