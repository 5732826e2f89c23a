"""Chance that can be repeated: what the product draws at random follows from the seed too."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def seeded_entropy(seed: int) -> Iterator[None]:
    """Let keys, tokens and UUIDs follow from the seed.

    `uuid` and `secrets` draw from the system's entropy by these two names and by nothing else.
    """
    source = random.Random(f"entropy {seed}")  # noqa: S311 - chance that can be repeated
    with (
        patch.object(os, "urandom", source.randbytes),
        patch.object(random, "_urandom", source.randbytes),
    ):
        yield
