import re

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from tests.accounts.factories import MembershipFactory


@pytest.mark.django_db
def test_every_file_a_page_names_is_collected_under_a_hashed_name(client, tmp_path):
    client.force_login(MembershipFactory().user)
    storages = settings.STORAGES | {
        # Production's storage compresses as well, which takes seconds and names nothing.
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }

    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
        page = client.get("/sales/transactions/").content.decode()

    named = re.findall(r'(?:src|href)="/static/([^"]+)"', page)
    assert len(named) == 4, "styles, htmx, our script, the icon"
    for name in named:
        assert re.search(r"\.[0-9a-f]{12}\.", name)
        assert (tmp_path / name).exists()
