"""Settings > Retries: the rules for everybody, those of segments, and the switch for charging."""

from apps.retry_settings.views.segments import (
    change_segment,
    delete_segment,
    move_segment,
    new_segment,
    segment_page,
    segments_page,
)
from apps.retry_settings.views.settings import (
    change,
    note_stripe,
    preview,
    settings_page,
    switch_charging,
)

__all__ = [
    "change",
    "change_segment",
    "delete_segment",
    "move_segment",
    "new_segment",
    "note_stripe",
    "preview",
    "segment_page",
    "segments_page",
    "settings_page",
    "switch_charging",
]
