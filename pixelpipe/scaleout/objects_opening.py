"""Opens and closes the object storage of a journal."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from pixelpipe.jobs.stores import Marks
from pixelpipe.scaleout.objects import ObjectBlobs
from pixelpipe.scaleout.objects_place import place_of


@asynccontextmanager
async def open_objects(
    url: str, environment: Mapping[str, str], owner: str, marks: Marks | None = None
) -> AsyncIterator[ObjectBlobs]:
    """The blobs at `url`; the store need not be there yet.

    Args:
        url: `s3://bucket/prefix`, or likewise with `gs` or `az`.
        environment: Variables with endpoint and credentials, which are in the process's own, too.
        owner: The id of the journal whose blobs they are.
        marks: What other processes over the same journal do meanwhile, if there are any.

    Raises:
        ObjectStorageError: There is no such kind of storage, or the blobs there are another
            journal's.
    """
    blobs = ObjectBlobs(place_of(url, environment), owner, marks=marks)
    try:
        await blobs.start()
        yield blobs
    finally:
        await blobs.close()
