"""Where objects are, how long asking may take, and what the answers mean.

obstore tries a request again by itself, a few times within some seconds; whoever called tries the
whole of it again after that (`pixelpipe.jobs.patience`). Its errors carry the URL of the request,
which with some ways of signing in is a credential, and the answer of the store: neither is told or
logged, but for the status and the store's own word for the error.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from pixelpipe.errors import StorageUnavailableError
from pixelpipe.scaleout.objects_signing import Signer

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CONNECT_S = 3.0
_REQUEST_S = 30.0
_QUICK_S = 3.0
_RETRIES = 2
_RETRY_S = 10.0
_BACKOFF_S, _BACKOFF_MOST_S = 0.1, 1.0

_ENDPOINTS = (
    *("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    *("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "GOOGLE_BASE_URL"),
)
_NO_PLACE = re.compile(r"<Code>(NoSuchBucket|ContainerNotFound)</Code>")
_STATUS = re.compile(r"status code: (\d{3}[A-Za-z ]*)")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
# The name of what obstore met, such as MissingAccount.
_CAUSE = re.compile(r"source: ([A-Z]\w{1,60}),?$", re.MULTILINE)

_log = structlog.get_logger(__name__)


class ObjectStorageError(ValueError):
    """The object storage cannot be used as it is set up; the message says why, to an operator."""


class NotThereError(Exception):
    """There is no such object."""


@dataclass(eq=False, slots=True)
class Place:
    """A place for objects.

    Attributes:
        shown: What it is called in messages.
        store: For objects, also large ones.
        quick: The same for what is small, not tried again and soon given up.
        signer: Puts what an answer has to say into a URL that the store has signed.
        trouble: Why the last answer was none, in short; None while all is well.
    """

    shown: str
    store: "ObjectStore"
    quick: "ObjectStore"
    signer: Signer | None = field(default=None, repr=False)
    trouble: str | None = None
    _signs: bool = field(default=True, init=False, repr=False)

    @contextmanager
    def asked(self, *, conditional: bool = False) -> Iterator[None]:
        """Around a request.

        Args:
            conditional: Whether it has a condition. Else a conflict is a refusal: Azure has them
                for a container that is being deleted, and for a blob that somebody has leased.

        Raises:
            NotThereError: There is no such object.
            AlreadyExistsError: There is one already.
            PreconditionError: The object is another one.
            StorageUnavailableError: The store does not answer, or refuses.
        """
        try:
            yield
        except FileNotFoundError as error:
            if _NO_PLACE.search(str(error)):
                raise self.away(_brief(error)) from None
            raise NotThereError from None
        except (AlreadyExistsError, PreconditionError) as error:
            if conditional:
                raise
            raise self.away(_brief(error)) from None
        except (BaseError, OSError) as error:
            raise self.away(_brief(error)) from None

    def away(self, why: str) -> StorageUnavailableError:
        """Note, and log once, that the store cannot be used; gives the error to raise."""
        if self.trouble is None:
            _log.warning("the object storage is away", storage=self.shown, why=why)
        self.trouble = why
        return StorageUnavailableError(
            "The server's object storage does not answer, or refuses; try again in a while."
        )

    def unsigned(self, error: Exception) -> None:
        """Log, once, that no URL could be signed; that says nothing of the store."""
        if self._signs:
            _log.warning("no URL can be signed", storage=self.shown, why=_brief(error))
        self._signs = False

    def there(self) -> None:
        """Note that the store can be used."""
        if self.trouble is not None:
            _log.warning("the object storage is there again", storage=self.shown)
        self.trouble = None


def place_of(url: str, environment: Mapping[str, str]) -> Place:
    """The place that `url` names: `s3://bucket/prefix`, and likewise `gs` and `az`.

    Args:
        url: Without credentials in it.
        environment: Variables that name endpoint and credentials; obstore reads them itself, so
            they still have to be in the process's environment too.

    Raises:
        ObjectStorageError: obstore cannot make a store of these.
    """
    plain = any(environment.get(name, "").startswith("http://") for name in _ENDPOINTS)
    try:
        return Place(
            url,
            _store(url, plain=plain, request_s=_REQUEST_S, retries=_RETRIES),
            _store(url, plain=plain, request_s=_QUICK_S, retries=0),
            Signer.of(environment),
        )
    except (BaseError, ValueError, OSError) as error:
        raise ObjectStorageError(f"cannot use the object storage {url}: {_brief(error)}") from None


def _store(url: str, *, plain: bool, request_s: float, retries: int) -> "ObjectStore":
    options: dict[str, Any] = {
        "allow_http": plain,
        "connect_timeout": timedelta(seconds=_CONNECT_S),
        "timeout": timedelta(seconds=request_s),
    }
    backoff = {
        "init_backoff": timedelta(seconds=_BACKOFF_S),
        "max_backoff": timedelta(seconds=_BACKOFF_MOST_S),
        "base": 2,
    }
    patience: dict[str, Any] = {
        "max_retries": retries,
        "retry_timeout": timedelta(seconds=_RETRY_S),
        "backoff": backoff,
    }
    return from_url(url, client_options=options, retry_config=patience)  # type: ignore[call-overload, no-any-return]


def _brief(error: Exception) -> str:
    """What went wrong, without a URL or anything that the store said."""
    text = str(error)
    told = (each.search(text) for each in (_STATUS, _CODE, _CAUSE))
    found = [match[1].strip() for match in told if match]
    return ", ".join([type(error).__name__, *found])
