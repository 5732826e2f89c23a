"""What every control needs: the sandbox itself."""

from typing import TYPE_CHECKING, cast

from sandbox.types import Obj

if TYPE_CHECKING:
    from sandbox.core import Sandbox

HOUSE = ""


class Controls:
    """Base of the mixins of `Sandbox`."""

    @property
    def _me(self) -> "Sandbox":
        return cast("Sandbox", self)


def id_of(obj: Obj | str) -> str:
    """Return the id of an object, or the id itself."""
    return obj if isinstance(obj, str) else str(obj["id"])
