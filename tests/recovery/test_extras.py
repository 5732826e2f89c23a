"""What apps above add to a case's page."""

from django.apps import apps

from apps.recovery import extras as on_case
from apps.retry_settings import extras as on_preview


def test_an_app_that_starts_again_adds_nothing_twice():
    registries = (on_case._planners, on_case._offerers, on_preview._mails, on_preview._access)
    before = [list(one) for one in registries]

    for app in apps.get_app_configs():
        if app.name.startswith("apps."):
            app.ready()

    assert all(before)
    assert [list(one) for one in registries] == before
