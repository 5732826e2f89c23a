from django.urls import path

from apps.dunning_emails.views import pay

app_name = "pay"

urlpatterns = [
    path("<slug:token>/", pay.pay, name="link"),
    path("<slug:token>/card/", pay.card, name="card"),
    path("<slug:token>/invoice/", pay.invoice, name="invoice"),
    path("<slug:token>/done/", pay.done, name="done"),
    path("<slug:token>/new-link/", pay.renew, name="renew"),
]
