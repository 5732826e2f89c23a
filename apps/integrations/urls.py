from django.urls import path

from apps.integrations import views

webhook_patterns = [
    path("", views.endpoint_list, name="list"),
    path("add/", views.add, name="add"),
    path("<int:endpoint_id>/", views.endpoint_page, name="endpoint"),
    path("<int:endpoint_id>/change/", views.change, name="change"),
    path("<int:endpoint_id>/rotate/", views.rotate, name="rotate"),
    path("<int:endpoint_id>/test/", views.test, name="test"),
    path("<int:endpoint_id>/disable/", views.disable, name="disable"),
    path("<int:endpoint_id>/enable/", views.enable, name="enable"),
    path("deliveries/<int:delivery_id>/", views.delivery_page, name="delivery"),
    path("deliveries/<int:delivery_id>/replay/", views.replay, name="replay"),
]

token_patterns = [
    path("", views.token_list, name="list"),
    path("create/", views.create_token, name="create"),
    path("<int:token_id>/revoke/", views.revoke_token, name="revoke"),
]

api_patterns = [path("access/", views.access, name="access")]
