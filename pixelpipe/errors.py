"""The error tree: every failure that a client, a job or an event can carry (RFC 9457)."""

from typing import Any, ClassVar

TYPE_PREFIX = "urn:pixelpipe:error:"


class PixelPipeError(Exception):
    """Base of everything that PixelPipe says went wrong.

    Args:
        detail: One sentence for the client: what was wrong and what is allowed. No internals.
        retry_after_s: When to try again, where that is known better than by the kind of error.
        extensions: Further members of the problem document (RFC 9457 section 3.2).
    """

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]
    retryable: ClassVar[bool] = False
    retry_after_s: int | None = None

    def __init__(
        self,
        detail: str,
        *,
        retry_after_s: int | None = None,
        **extensions: Any,  # noqa: ANN401 - JSON values
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extensions = extensions
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 document, ready for JSON."""
        return {
            "type": TYPE_PREFIX + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extensions,
        }


class EmptyBodyError(PixelPipeError):
    """The request carried no image."""

    slug, title, status = "empty-body", "No image in the request", 400


class MalformedRequestError(PixelPipeError):
    """The request could not be read: broken multipart, broken JSON, a parameter given twice."""

    slug, title, status = "malformed-request", "The request could not be read", 400


class UnauthorizedError(PixelPipeError):
    """No key, or none that is known."""

    slug, title, status = "unauthorized", "A key is needed", 401


class ForbiddenError(PixelPipeError):
    """The key is good, but not for this."""

    slug, title, status = "forbidden", "Not allowed with this key", 403


class InvalidLinkError(PixelPipeError):
    """A signed link that has expired, or that was not signed here for this."""

    slug, title, status = "invalid-link", "Link not valid", 403


class CrossSiteError(PixelPipeError):
    """A page of another site tried to change something."""

    slug, title, status = "cross-site", "Request from another site", 403


class RouteNotFoundError(PixelPipeError):
    """No such path."""

    slug, title, status = "not-found", "Nothing is here", 404


class JobNotFoundError(PixelPipeError):
    """No such job."""

    slug, title, status = "job-not-found", "Unknown job", 404


class VariantNotFoundError(PixelPipeError):
    """The job has no variant of that name."""

    slug, title, status = "variant-not-found", "Unknown variant", 404


class JobGoneError(PixelPipeError):
    """The job was deleted; it is remembered for a little while."""

    slug, title, status = "job-gone", "The job was deleted", 410


class MethodNotAllowedError(PixelPipeError):
    """The path exists, the method does not."""

    slug, title, status = "method-not-allowed", "Method not allowed", 405


class RequestTimeoutError(PixelPipeError):
    """The headers of the request did not come in time."""

    slug, title, status = "request-timeout", "Request too slow", 408


class UploadTooSlowError(PixelPipeError):
    """The body stopped arriving, or arrives too slowly to be held room for."""

    slug, title, status = "upload-too-slow", "Upload too slow", 408


class VariantNotReadyError(PixelPipeError):
    """The variant is still being made, or never will be; the detail says which."""

    slug, title, status, retry_after_s = "variant-not-ready", "Variant not ready", 409, 1


class NotRetryableError(PixelPipeError):
    """Only a job that ended as partial or failed can be tried again."""

    slug, title, status = "not-retryable", "Nothing to try again", 409


class ArchiveNotReadyError(PixelPipeError):
    """The job has not ended, or has nothing to pack; the detail says which."""

    slug, title, status, retry_after_s = "archive-not-ready", "Archive not ready", 409, 1


class UploadTooLargeError(PixelPipeError):
    """More bytes than `max_upload_bytes`."""

    slug, title, status = "upload-too-large", "Upload too large", 413


class ExceedsMemoryError(PixelPipeError):
    """The job can never fit the arena."""

    slug, title, status = "exceeds-memory", "Image needs more memory than there is", 413


class UnsupportedFormatError(PixelPipeError):
    """The bytes are none of the accepted image formats."""

    slug, title, status = "unsupported-format", "Not an accepted image format", 415


class EncodedBodyError(PixelPipeError):
    """A Content-Encoding other than identity."""

    slug, title, status = "encoded-body", "Encoded bodies are not accepted", 415


class RangeNotSatisfiableError(PixelPipeError):
    """The byte range lies outside the variant."""

    slug, title, status = "range-not-satisfiable", "Range not satisfiable", 416


class HostNotAllowedError(PixelPipeError):
    """A host name that the server does not answer to."""

    slug, title, status = "host-not-allowed", "Unknown host name", 421


class ExpectationFailedError(PixelPipeError):
    """An `Expect` other than `100-continue`."""

    slug, title, status = "expectation-failed", "Expectation not met", 417


class DamagedImageError(PixelPipeError):
    """The format is known, the file is broken."""

    slug, title, status = "damaged-image", "Damaged image", 422


class PixelLimitError(PixelPipeError):
    """More pixels, or a longer side, than allowed."""

    slug, title, status = "pixel-limit", "Image has too many pixels", 422


class FrameLimitError(PixelPipeError):
    """More frames than allowed."""

    slug, title, status = "frame-limit", "Image has too many frames", 422


class ImageTooSmallError(PixelPipeError):
    """Too few pixels for the operation."""

    slug, title, status = "image-too-small", "Image too small", 422


class MaxBytesUnreachableError(PixelPipeError):
    """No quality makes the variant as small as asked; the detail says how small it gets."""

    slug, title, status = "max-bytes-unreachable", "Size limit cannot be met", 422


class InvalidSpecError(PixelPipeError):
    """One or more mistakes in what was asked for; `errors` lists all, each with a JSON pointer."""

    slug, title, status = "invalid-spec", "Invalid specification", 422


class UnknownPresetError(PixelPipeError):
    """A preset name that is not known; the detail lists those that are."""

    slug, title, status = "unknown-preset", "Unknown preset", 422


class KeyReusedError(PixelPipeError):
    """An `Idempotency-Key` came with another request than the one that it was first used for."""

    slug, title, status = "idempotency-key-reused", "Key used for another request", 422


class PoisonedSourceError(PixelPipeError):
    """These very bytes crashed the decoder lately."""

    slug, title, status = "poisoned-source", "Source refused", 422


class SourceUrlRefusedError(PixelPipeError):
    """The URL of a source leads, or was redirected, to where nothing is fetched from."""

    slug, title, status = "source-url-refused", "Source URL refused", 422


class RateLimitedError(PixelPipeError):
    """More requests than the key, or the address, may make."""

    slug, title, status, retryable, retry_after_s = (
        "rate-limited",
        "Too many requests",
        429,
        True,
        1,
    )


class TooManyConnectionsError(PixelPipeError):
    """The client, or all of them together, have too many connections open."""

    slug, title, status, retryable, retry_after_s = (
        "too-many-connections",
        "Too many connections",
        429,
        True,
        1,
    )


class TooManyStreamsError(PixelPipeError):
    """The client has too many event streams open."""

    slug, title, status, retryable, retry_after_s = (
        "too-many-streams",
        "Too many event streams",
        429,
        True,
        1,
    )


class HeadersTooLargeError(PixelPipeError):
    """The request line or a header is longer than is read."""

    slug, title, status = "headers-too-large", "Request headers too large", 431


class InternalError(PixelPipeError):
    """A defect of PixelPipe; the log has the story, joined by the request id."""

    slug, title, status = "internal", "Internal error", 500


class WorkerCrashedError(PixelPipeError):
    """Two workers died over this task."""

    slug, title, status = "worker-crashed", "Processing crashed", 500


class WorkerLostError(PixelPipeError):
    """A worker was taken away from outside; the task is tried again."""

    slug, title, status, retryable = "worker-lost", "Worker lost", 500, True


class StorageFailedError(PixelPipeError):
    """Bytes could not be stored."""

    slug, title, status, retryable = "storage-failed", "Storage failed", 500, True


class SourceUnavailableError(PixelPipeError):
    """The URL of a source could not be fetched."""

    slug, title, status, retryable = "source-unavailable", "Source could not be fetched", 502, True


class QueueFullError(PixelPipeError):
    """The bounded queue is full."""

    slug, title, status, retryable, retry_after_s = (
        "queue-full",
        "Too many jobs waiting",
        503,
        True,
        2,
    )


class MemoryFullError(PixelPipeError):
    """No room for another upload at this moment."""

    slug, title, status, retryable, retry_after_s = (
        "memory-full",
        "Out of memory for now",
        503,
        True,
        2,
    )


class ShuttingDownError(PixelPipeError):
    """The server is draining."""

    slug, title, status = "shutting-down", "Shutting down", 503
    retryable, retry_after_s = True, 5


class OwnerSilentError(PixelPipeError):
    """The process that runs the job does not answer the one that was asked."""

    slug, title, status = "owner-silent", "The job's process does not answer", 503
    retryable, retry_after_s = True, 1


class DeadlineExceededError(PixelPipeError):
    """The task ran into its deadline twice."""

    slug, title, status = "deadline-exceeded", "Processing took too long", 504


class StorageFullError(StorageFailedError):
    """There is no room to store anything; what is accepted already waits."""

    slug, title, status, retryable, retry_after_s = (
        "storage-full",
        "Storage full",
        507,
        True,
        10,
    )


class StorageUnavailableError(StorageFailedError):
    """Where jobs or blobs are kept does not answer, or refuses; what is accepted waits."""

    slug, title, status, retryable, retry_after_s = (
        "storage-unavailable",
        "Storage not available",
        503,
        True,
        5,
    )


class WrongDigestError(Exception):
    """Bytes are not those of the digest that came with them; never told to a client."""
