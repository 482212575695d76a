"""The rule on attempts and strikes."""

import signal

import pytest

from pixelpipe.engine.attempts import MAX_ATTEMPTS, STRIKES, Attempts, Cause, cause_of_exit
from pixelpipe.engine.protocol import MEMORY_EXIT
from pixelpipe.errors import DeadlineExceededError, WorkerCrashedError, WorkerLostError


@pytest.mark.parametrize(
    ("exit_code", "cause"),
    [
        (-signal.SIGSEGV, Cause.CRASH),
        (-signal.SIGBUS, Cause.CRASH),
        (-signal.SIGABRT, Cause.CRASH),
        (-signal.SIGILL, Cause.CRASH),
        (-signal.SIGFPE, Cause.CRASH),
        (-signal.SIGSYS, Cause.CRASH),
        (0, Cause.CRASH),
        (1, Cause.CRASH),
        (255, Cause.CRASH),
        (MEMORY_EXIT, Cause.MEMORY),
        (-signal.SIGKILL, Cause.OUTSIDE),
        (-signal.SIGTERM, Cause.OUTSIDE),
    ],
)
def test_an_exit_says_who_is_to_blame(exit_code: int, cause: Cause) -> None:
    assert cause_of_exit(exit_code, forkserver_alive=True) is cause


def test_a_dead_forkserver_takes_the_blame() -> None:
    assert cause_of_exit(255, forkserver_alive=False) is Cause.OUTSIDE


@pytest.mark.parametrize("cause", sorted(STRIKES))
def test_two_strikes_are_final(cause: Cause) -> None:
    attempts = Attempts()
    attempts.start()
    assert attempts.after(cause) is None
    assert attempts.delay_s(cause) == 0
    attempts.start()
    final = DeadlineExceededError if cause is Cause.DEADLINE else WorkerCrashedError
    assert isinstance(attempts.after(cause), final)
    assert attempts.struck_out


def test_kills_from_outside_are_no_strikes_and_end_after_ten_attempts() -> None:
    attempts = Attempts()
    for _ in range(MAX_ATTEMPTS - 1):
        attempts.start()
        assert attempts.after(Cause.OUTSIDE) is None
        assert 0 <= attempts.delay_s(Cause.OUTSIDE) <= 2
    attempts.start()
    assert isinstance(attempts.after(Cause.OUTSIDE), WorkerLostError)
    assert attempts.strikes == 0
