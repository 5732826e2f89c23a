from django.urls import path

from apps.dunning_emails.views import editor, emails

app_name = "emails"

urlpatterns = [
    path("", emails.email_list, name="list"),
    path("save/<slug:section>/", emails.save, name="save"),
    path("mail-again/", emails.mail_again, name="mail_again"),
    path("<slug:kind>/", editor.editor, name="editor"),
    path("<slug:kind>/switch/", emails.switch, name="switch"),
    path("<slug:kind>/stripe/", emails.stripe_sends, name="stripe"),
    path("<slug:kind>/preview/", editor.preview, name="preview"),
    path("<slug:kind>/draft/", editor.draft, name="draft"),
    path("<slug:kind>/publish/", editor.publish, name="publish"),
    path("<slug:kind>/revert/", editor.revert, name="revert"),
    path("<slug:kind>/restore/", editor.restore, name="restore"),
    path("<slug:kind>/test/", editor.test, name="test"),
]
