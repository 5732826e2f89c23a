"""Activity: who changed what, from what to what, and when."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.models import AuditEntry, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.overview.activity import KINDS, Wish, entries_of, words_of

ROWS = 50
LONGEST = 100
"""Letters of the words that are looked for."""


@require_GET
@allow(Role.VIEWER)
def activity(request: MerchantRequest) -> HttpResponse:
    """List what people and Recoup changed, newest first, narrowed as the address says."""
    everything = AuditEntry.objects.filter(merchant=request.merchant)
    people = sorted(set(everything.order_by().values_list("actor", flat=True).distinct()))
    wish = _wish(request, people)
    entries = entries_of(merchant=request.merchant, wish=wish)
    before = request.GET.get("before", "")
    last = everything.filter(pk=before).first() if before.isdecimal() and len(before) < 19 else None
    if last is not None:
        entries = entries.filter(at__lte=last.at).exclude(at=last.at, pk__gte=last.pk)
    rows = list(entries[: ROWS + 1])
    chosen = {"who": wish.who, "kind": wish.kind, "q": wish.words}
    context = {
        "rows": [(entry, changes(entry), words_of(entry.action)) for entry in rows[:ROWS]],
        "next": rows[ROWS - 1].pk if len(rows) > ROWS else None,
        "query": urlencode({name: value for name, value in chosen.items() if value}),
        "people": people,
        "kinds": [(key, name) for key, (name, _starts) in KINDS.items()],
        "wish": wish,
    }
    return render(request, "overview/activity.html", context)


def changes(entry: AuditEntry) -> list[tuple[str, object, object]]:
    """Give what differs between before and after: name, old value, new value."""
    names = sorted({*entry.before, *entry.after})
    pairs = [(name, entry.before.get(name), entry.after.get(name)) for name in names]
    return [(name.replace("_", " "), old, new) for name, old, new in pairs if old != new]


def _wish(request: MerchantRequest, people: list[str]) -> Wish:
    who, kind = request.GET.get("who", ""), request.GET.get("kind", "")
    return Wish(
        who=who if who in people else "",
        kind=kind if kind in KINDS else "",
        words=request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST],
    )
