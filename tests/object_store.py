"""The S3 of the tests, started once for all that ask for it; see `ceph_store`."""

from collections.abc import Iterator

import pytest

from ceph_store import KEY, SECRET, ObjectStore

__all__ = ["KEY", "SECRET", "ObjectStore", "object_store"]


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The S3 of this session of tests."""
    store = ObjectStore(tmp_path_factory.mktemp("ceph"))
    try:
        store.start()
        yield store
    finally:
        store.close()
