"""Activity: who changed what, from what to what, and when."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.models import AuditEntry, Role
from apps.accounts.permissions import MerchantRequest, allow

ROWS = 50


@require_GET
@allow(Role.VIEWER)
def activity(request: MerchantRequest) -> HttpResponse:
    """List what people and Recoup changed, newest first, of one person if the address says so."""
    entries = AuditEntry.objects.filter(merchant=request.merchant)
    people = sorted(set(entries.order_by().values_list("actor", flat=True).distinct()))
    who = request.GET.get("who", "")
    if who in people:
        entries = entries.filter(actor=who)
    before = request.GET.get("before", "")
    last = entries.filter(pk=before).first() if before.isdecimal() and len(before) < 19 else None
    if last is not None:
        entries = entries.filter(at__lte=last.at).exclude(at=last.at, pk__gte=last.pk)
    rows = list(entries.order_by("-at", "-id")[: ROWS + 1])
    context = {
        "rows": [(entry, changes(entry)) for entry in rows[:ROWS]],
        "next": rows[ROWS - 1].pk if len(rows) > ROWS else None,
        "people": people,
        "who": who if who in people else "",
    }
    return render(request, "overview/activity.html", context)


def changes(entry: AuditEntry) -> list[tuple[str, object, object]]:
    """Give what differs between before and after: name, old value, new value."""
    names = sorted({*entry.before, *entry.after})
    pairs = [(name, entry.before.get(name), entry.after.get(name)) for name in names]
    return [(name.replace("_", " "), old, new) for name, old, new in pairs if old != new]
