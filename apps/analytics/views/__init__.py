"""The page of figures and a file of each chart."""

from apps.analytics.views.page import chart_csv, page

__all__ = ["chart_csv", "page"]
