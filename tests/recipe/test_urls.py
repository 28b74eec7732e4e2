from __future__ import annotations

import pytest

from assay.recipe.urls import password_in, without_password


@pytest.mark.parametrize(
    ("url", "password", "shown"),
    [
        ("postgresql://me:s3cret@host/bank", "s3cret", "postgresql://me:***@host/bank"),
        ("postgresql+psycopg://:s3@cret@host/b", "s3@cret", "postgresql+psycopg://:***@host/b"),
        ("postgresql://host/b?password=s3&x=1", "s3", "postgresql://host/b?password=***&x=1"),
        ("postgresql://me:${PASS}@host/bank", "${PASS}", "postgresql://me:***@host/bank"),
        ("postgresql://me@host:5432/bank", None, "postgresql://me@host:5432/bank"),
        ("sqlite:///a:b@c.db", None, "sqlite:///a:b@c.db"),
    ],
)
def test_a_password_is_found_and_hidden(url: str, password: str | None, shown: str) -> None:
    assert password_in(url) == password
    assert without_password(url) == shown
