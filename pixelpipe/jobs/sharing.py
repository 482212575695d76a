"""Jobs that wait in one process while another has idle workers go there.

Connections come to the processes by chance, and with them the jobs. Whoever has a job that must
wait offers it; whoever is idle claims it in the journal, where one of several gets it; what the
loser has done of it by then is done again.
"""

import asyncio

import structlog

from pixelpipe.engine.engine import Engine
from pixelpipe.errors import StorageFailedError
from pixelpipe.jobs.lifecycle import Lifecycle
from pixelpipe.jobs.model import JobState
from pixelpipe.jobs.peers import Kind, Notice, Peers
from pixelpipe.jobs.ports import Journal
from pixelpipe.jobs.runner import Runner

# Expected cost of what waits, from which on it is offered.
_WORTH_MS = 50.0

_log = structlog.get_logger(__name__)


class Sharing:
    """Offers what waits here, and claims what waits elsewhere.

    Args:
        engine: Whose workers are idle, or not.
        runner: Of the jobs here.
        lifecycle: Goes on with a job that was claimed.
        journal: Where a job is claimed.
        peers: The others.
    """

    def __init__(
        self,
        engine: Engine,
        runner: Runner,
        lifecycle: Lifecycle,
        journal: Journal,
        peers: Peers,
    ) -> None:
        self._engine = engine
        self._runner = runner
        self._lifecycle = lifecycle
        self._journal = journal
        self._peers = peers
        self._claiming: set[asyncio.Task[None]] = set()
        self._closed = True  # until it begins

    def start(self) -> None:
        """Begin, if there is anybody."""
        self._closed = self._peers.alone
        if not self._closed:
            self._engine.on_waiting = self._offer
            self.look()

    async def close(self) -> None:
        """Claim nothing more."""
        self._closed = True
        await asyncio.gather(*self._claiming, return_exceptions=True)

    def look(self) -> None:
        """Tell the others if workers are idle."""
        if not self._closed and self._spare:
            self._peers.tell(Notice(Kind.IDLE))

    def hear(self, notice: Notice) -> None:
        """Take in what others tell."""
        match notice.kind:
            case Kind.IDLE:
                self._offer(self._engine.next_waiting)
            case Kind.OFFER if self._spare and not self._closed:
                claiming = asyncio.create_task(self._claim(*_read(notice.about)))
                self._claiming.add(claiming)
                claiming.add_done_callback(self._claiming.discard)
            case Kind.CLAIMED:
                self._runner.hand_over(*_read(notice.about))

    @property
    def _spare(self) -> int:
        return max(0, self._engine.spare - self._runner.entering - len(self._claiming))

    def _offer(self, job_id: str | None) -> None:
        # What gets its turn very soon would have been begun before it is claimed.
        if self._engine.backlog_ms < _WORTH_MS:
            return
        # Transforms wait as well, but are nobody's jobs.
        job = self._runner.find(job_id) if job_id else None
        if job is not None:
            self._peers.tell(Notice(Kind.OFFER, f"{job.id} {job.epoch}"))

    async def _claim(self, job_id: str, epoch: int) -> None:
        try:
            job = await self._journal.get(job_id)
            if self._runner.is_live(job_id):
                return  # It was claimed from here a moment ago, and is still being let go.
            if job is None or job.state is not JobState.QUEUED or job.deleted_at is not None:
                return
            # Not with the epoch that it has by now: somebody else may have claimed it since.
            if not await self._journal.claim(job_id, epoch):
                return
        except StorageFailedError as error:
            _log.warning("a job that was offered could not be claimed", error=str(error))
            return
        job.epoch = epoch + 1
        self._peers.tell(Notice(Kind.CLAIMED, f"{job_id} {job.epoch}"))
        await self._lifecycle.take_up(job)


def _read(about: str) -> tuple[str, int]:
    """A job's id and its epoch."""
    job_id, _, epoch = about.partition(" ")
    return job_id, int(epoch)
