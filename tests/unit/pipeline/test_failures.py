from __future__ import annotations

import pickle
import resource
import traceback

import pytest

from stackyard.errors import UsageError
from stackyard.pipeline.project.failures import UnforeseenError, without_contents

HELD = b"a text that nobody may see \xff"


def test_unforeseen_error_names_places_and_holds_nothing() -> None:
    def fail() -> str:
        return HELD.decode()

    with pytest.raises(UnforeseenError) as caught:
        without_contents("stage pii, unit whole", fail)
    error = caught.value
    assert "stage pii, unit whole stopped" in str(error)
    assert "UnicodeDecodeError" in str(error)
    assert "test_failures.py" in str(error)
    said = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert "nobody may see" not in said
    assert b"nobody may see" not in pickle.dumps(error.args)
    assert error.__context__ is None


@pytest.mark.parametrize("error", [UsageError("x"), OSError(28, "no space"), MemoryError()])
def test_error_of_ours_or_of_the_system_flies_as_it_is(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        without_contents("x", fail)
    assert caught.value is error


def test_core_dump_of_a_stage_is_off() -> None:
    soft = without_contents("x", lambda: resource.getrlimit(resource.RLIMIT_CORE)[0])
    assert soft == 0
