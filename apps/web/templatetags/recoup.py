"""Template tags of every page: money, times, badges."""

from django import template

register = template.Library()
