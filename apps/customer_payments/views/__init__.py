"""Settings > Customer Payments, who loses access, and the access of one customer."""

from apps.customer_payments.views.access import (
    access_of_case,
    access_page,
    grant,
    hold,
    losing_access,
    release,
    revoke,
)
from apps.customer_payments.views.settings import save, settings_page

__all__ = [
    "access_of_case",
    "access_page",
    "grant",
    "hold",
    "losing_access",
    "release",
    "revoke",
    "save",
    "settings_page",
]
