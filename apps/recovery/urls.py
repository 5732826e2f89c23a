from django.urls import path

from apps.recovery import views

app_name = "recovery"

urlpatterns = [
    path("", views.case_list, name="list"),
    path("calendar/", views.calendar_page, name="calendar"),
    path("calendar/feed/open/", views.open_calendar_feed, name="open_feed"),
    path("calendar/feed/close/", views.close_calendar_feed, name="close_feed"),
    path("calendar/feed/<str:token>.ics", views.calendar_feed, name="calendar_feed"),
    path("apply-rules/", views.apply_rules, name="apply_rules"),
    path("bulk/<int:run_id>/", views.bulk_result, name="bulk_result"),
    path("bulk/retry/", views.bulk_cases, {"verb": "retry"}, name="bulk_retry"),
    path("bulk/stop/", views.bulk_cases, {"verb": "stop"}, name="bulk_stop"),
    path("bulk/retry/start/", views.start_bulk_cases, {"verb": "retry"}, name="start_retry"),
    path("bulk/stop/start/", views.start_bulk_cases, {"verb": "stop"}, name="start_stop"),
    path("bulk/lose/", views.bulk_cases, {"verb": "lose"}, name="bulk_lose"),
    path("bulk/remind/", views.bulk_cases, {"verb": "remind"}, name="bulk_remind"),
    path("bulk/lose/start/", views.start_bulk_cases, {"verb": "lose"}, name="start_lose"),
    path("bulk/remind/start/", views.start_bulk_cases, {"verb": "remind"}, name="start_remind"),
    path("take-over/", views.take_over_imported, name="take_over"),
    path("<int:case_id>/", views.case_page, name="case"),
    path("<int:case_id>/retry/", views.retry_case, name="retry"),
    path("<int:case_id>/stop/", views.stop_case, name="stop"),
    path("<int:case_id>/note/", views.note_case, name="note"),
    path("<int:case_id>/reopen/", views.reopen_case, name="reopen"),
    path("<int:case_id>/hold/", views.hold_case, name="hold"),
    path("<int:case_id>/release/", views.release_case, name="release"),
    path("<int:case_id>/uncollectible/", views.write_off_case, name="write_off"),
]
