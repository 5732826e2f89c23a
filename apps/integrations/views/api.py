"""GET /api/v1/access/ says whether a customer may use an offer."""

from django.http import HttpRequest, JsonResponse

from apps import clock, logs
from apps.integrations import services
from apps.integrations.limits import PER_TOKEN, UNKNOWN_PER_ADDRESS
from apps.integrations.queries import access_answer
from apps.integrations.secrets import TOKEN_PREFIX, digest_of
from apps.web.limits import is_over, seconds_left

LONGEST_ID = 255


def access(request: HttpRequest) -> JsonResponse:
    """Answer who has access, in JSON whatever goes wrong; a token sees its own merchant alone."""
    if request.method != "GET":
        return _error(405, "method_not_allowed", "Use GET.", Allow="GET")
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not token.startswith(TOKEN_PREFIX):
        return _unauthorized(request)
    digest = digest_of(token)
    if is_over(name=f"token:{digest}", most=PER_TOKEN):
        return _too_many()
    customer, offer = request.GET.get("customer", ""), request.GET.get("offer", "")
    answer = access_answer(digest=digest, customer=customer, offer=offer)
    if answer is None:
        return _unauthorized(request)
    logs.note(token_id=answer.token_id)
    _note_used(answer.token_id)
    if not customer or not offer or max(len(customer), len(offer)) > LONGEST_ID:
        text = "Name customer and offer: ?customer=cus_…&offer=prod_…"
        return _error(400, "missing_parameter", text)
    if not answer.state:
        return _error(404, "not_found", "This customer never had this offer.")
    return _answer(
        200,
        {
            "customer": customer,
            "offer": offer,
            "allowed": answer.is_allowed,
            "state": answer.state,
            "subscription": answer.subscription,
            "subscription_status": answer.status,
        },
    )


def _note_used(token_id: int) -> None:
    """Keep when a token was last used, without a write for every question."""
    if not is_over(name=f"used:{token_id}", most=1):
        services.note_used(token_id=token_id, now=clock.now())


def _unauthorized(request: HttpRequest) -> JsonResponse:
    if is_over(name=f"unknown:{request.META.get('REMOTE_ADDR', '')}", most=UNKNOWN_PER_ADDRESS):
        return _too_many()
    text = "Send a token: Authorization: Bearer recoup_…"
    return _error(401, "unauthorized", text, **{"WWW-Authenticate": "Bearer"})


def _too_many() -> JsonResponse:
    wait = str(seconds_left())
    return _error(429, "too_many_requests", "Ask less often.", **{"Retry-After": wait})


def _error(status: int, code: str, text: str, **headers: str) -> JsonResponse:
    return _answer(status, {"error": {"code": code, "message": text}}, **headers)


def _answer(status: int, body: dict[str, object], **headers: str) -> JsonResponse:
    answer = JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})
    answer["Cache-Control"] = "no-store"
    for name, value in headers.items():
        answer[name] = value
    return answer
