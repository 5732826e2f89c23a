from django.urls import path

from apps.dunning_emails.views import case_links, remind

app_name = "mails"

urlpatterns = [
    path("<int:case_id>/link/", case_links.link_page, name="link"),
    path("<int:case_id>/link/make/", case_links.make_link, name="make_link"),
    path("<int:case_id>/remind/", remind.ask, name="remind"),
    path("<int:case_id>/remind/send/", remind.send, name="send_reminder"),
    path("<int:case_id>/link/revoke/", case_links.revoke_links, name="revoke_links"),
]
