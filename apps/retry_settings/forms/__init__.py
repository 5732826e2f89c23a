"""The retry settings page: text in, `RetryRules` out. Nothing here saves."""

from apps.retry_settings.forms.draft import apply, draft_of
from apps.retry_settings.forms.rules import GROUPS, RetryRulesForm

__all__ = ["GROUPS", "RetryRulesForm", "apply", "draft_of"]
