from django.urls import path

from apps.web import views

app_name = "web"

urlpatterns = [
    path("columns/", views.save_columns, name="save_columns"),
    path("views/", views.save_view, name="save_view"),
    path("views/<int:view_id>/rename/", views.rename_view, name="rename_view"),
    path("views/<int:view_id>/delete/", views.delete_view, name="delete_view"),
    path("views/<int:view_id>/restore/", views.restore_view, name="restore_view"),
    path("single-keys/", views.set_single_keys, name="single_keys"),
]
