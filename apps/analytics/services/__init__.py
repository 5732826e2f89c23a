"""Mark days that changed, and count them."""

from apps.analytics.services.counting import count_days, count_everything_again
from apps.analytics.services.marking import mark_all_days, mark_case, mark_moments

__all__ = ["count_days", "count_everything_again", "mark_all_days", "mark_case", "mark_moments"]
