"""What every template gets."""

from django.http import HttpRequest

from apps.web.shell import Shell


def shell(request: HttpRequest) -> dict[str, object]:
    """Give templates `shell`."""
    return {"shell": Shell(request)}
