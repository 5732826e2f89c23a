"""Signing in and out (allauth's pages, only those in use), and what is personal."""

from allauth.account import views as allauth_views
from django.urls import URLPattern, path, re_path

from apps.accounts import views

urlpatterns: list[URLPattern] = [
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    # Closed; allauth's sign-in page wants the name.
    path("signup/", allauth_views.signup, name="account_signup"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("password/change/", allauth_views.password_change, name="account_change_password"),
    path("password/set/", allauth_views.password_set, name="account_set_password"),
    path("password-reset/", allauth_views.password_reset, name="account_reset_password"),
    path(
        "password-reset/sent/",
        allauth_views.password_reset_done,
        name="account_reset_password_done",
    ),
    re_path(
        r"^password-reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth_views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password-reset/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("switch-merchant/", views.switch_merchant, name="switch_merchant"),
    path("theme/", views.set_theme, name="set_theme"),
]
