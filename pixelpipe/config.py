"""The settings; the only reader and writer of the environment."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pixelpipe import kept_secrets, rate_notation, sites

MIB = 1024 * 1024

SECRETS = ("webhook_secrets", "url_secrets", "redis_url", "redis_password")

_PREFIX = "PIXELPIPE_"
# Where the object storage is, and who we are there, in the names that its own programs have.
_STORAGE_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")
# What every container gets to see of a service that is called pixelpipe.
_KUBERNETES = re.compile(r"PIXELPIPE_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_\w+)")

_READERS: dict[str, Callable[[str], object]] = {
    "storage_url": sites.read_storage_url,
    "hosts": sites.read_hosts,
    "cors_origins": sites.read_origins,
    "trusted_proxies": sites.read_networks,
    "public_url": sites.read_public_url,
    "base_path": sites.read_path,
    "rate_limit": rate_notation.check_rate,
    "webhook_secrets": kept_secrets.WEBHOOK_SECRETS.parse,
    "url_secrets": kept_secrets.URL_SECRETS.parse,
}


class Settings(BaseSettings):
    """Every setting, from `PIXELPIPE_*` in the environment or from keyword arguments.

    Names that the service before this one used (`PORT`, `WORKERS_COUNT`) work as well; where both
    are set, `PIXELPIPE_*` wins.

    Raises:
        pydantic.ValidationError: One error that names every bad setting.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        3000,
        validation_alias=AliasChoices("PIXELPIPE_PORT", "PORT"),
        description="Port to listen on; 0 takes any free one.",
    )
    data_dir: Path = Field(Path("data"), description="Folder for the journal and the blobs.")
    storage_url: str | None = Field(
        None,
        description="Where photographs and variants are kept: `file:///folder`, "
        "`s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; default: the data "
        "folder.",
    )
    storage_redirect: bool = Field(
        default=False,
        description="Whether a variant in object storage is answered with a redirect to a signed "
        "URL there, good for a minute.",
    )
    redis_url: str | None = Field(
        None,
        description="Redis for journal and queue of several machines: "
        "`redis://[[user]:password@]host[:port][/database]`, `rediss://` or `unix://`; default: "
        "that of the next three, if there is a host.",
    )
    redis_host: str | None = Field(
        None,
        validation_alias=AliasChoices("PIXELPIPE_REDIS_HOST", "REDIS_HOST"),
        description="Host of Redis.",
    )
    redis_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        6379,
        validation_alias=AliasChoices("PIXELPIPE_REDIS_PORT", "REDIS_PORT"),
        description="Port of Redis.",
    )
    redis_password: str | None = Field(
        None,
        validation_alias=AliasChoices("PIXELPIPE_REDIS_PASSWORD", "REDIS_PASSWORD"),
        description="Password of Redis.",
    )
    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        "pixelpipe", description="Name of the queue, as programs of Node give it to BullMQ."
    )
    queue_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_{}-]{1,64}$")] = Field(
        "bull", description="What the queue's keys begin with."
    )
    queue_concurrency: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None,
        description="Jobs that a node takes from the queue at a time; default: its workers and 2.",
    )
    workers: Annotated[int, Field(ge=1, le=512)] | None = Field(
        None,
        validation_alias=AliasChoices("PIXELPIPE_WORKERS", "WORKERS_COUNT"),
        description="Worker processes; default: the CPUs that the process may use.",
    )
    processes: Annotated[int, Field(ge=1, le=64)] = Field(
        1,
        description="Server processes on the one port; workers, shared memory and the limits on "
        "waiting jobs and on connections are shared out among them.",
    )
    arena_bytes: Annotated[int, Field(ge=16 * MIB)] | None = Field(
        None,
        description="Shared memory for pixels; default: the smaller of a quarter of memory and "
        "80 % of /dev/shm.",
    )
    max_upload_bytes: Annotated[int, Field(ge=1)] = Field(
        32 * MIB, description="Largest upload in bytes."
    )
    max_pixels: Annotated[int, Field(ge=1)] = Field(
        50_000_000, description="Most pixels that a source or a variant may have."
    )
    max_side_px: Annotated[int, Field(ge=1, le=65535)] = Field(
        16384, description="Longest side that a source or a variant may have."
    )
    max_frames: Annotated[int, Field(ge=1)] = Field(
        1000, description="Most frames that an animated source may have."
    )
    max_variants: Annotated[int, Field(ge=1)] = Field(
        100, description="Most variants that one job may ask for."
    )
    queue_limit: Annotated[int, Field(ge=1)] = Field(
        1000, description="Jobs that may wait; past it the answer is 503."
    )
    retention_s: Annotated[float, Field(gt=0)] = Field(
        86_400.0, description="Seconds for which ended jobs and their blobs are kept."
    )
    storage_bytes: Annotated[int, Field(ge=0)] = Field(
        10 * 1024 * MIB,
        description="Blobs may take so many bytes; past it the jobs that ended first go.",
    )
    upkeep_s: Annotated[float, Field(gt=0)] = Field(
        15.0, description="Seconds between rounds that remove what is to go."
    )
    reserve_bytes: Annotated[int, Field(ge=MIB)] = Field(
        16 * MIB, description="Disk space held back for the journal in case the disk fills up."
    )
    task_deadline_s: Annotated[float, Field(gt=0)] = Field(
        30.0, description="Seconds that one decode or variant may take before its worker is killed."
    )
    sandbox: Literal["off", "try", "require"] = Field(
        "try",
        description="Whether workers give up files, network and programs: not at all, as far as "
        "the kernel lets them, or else the server does not start.",
    )
    worker_tasks: Annotated[int, Field(ge=1)] = Field(
        5000, description="Tasks after which a worker is replaced by a fresh one, give or take."
    )
    worker_bytes: Annotated[int, Field(ge=64 * MIB)] = Field(
        1024 * MIB, description="Own memory at which an idle worker is replaced by a fresh one."
    )
    drain_timeout_s: Annotated[float, Field(ge=0)] = Field(
        10.0,
        description="Seconds that running jobs get to finish when the server is told to stop; the "
        "others go on at its next start.",
    )
    cancel_on_disconnect: bool = Field(
        default=False,
        description="Whether a job is cancelled when the client that waits for it goes away.",
    )
    webhook_secrets: str | None = Field(
        None,
        description="Secrets that webhooks are signed with, `whsec_...`, with commas between; "
        "default: one is made and kept in the data folder.",
    )
    webhook_private: bool = Field(
        default=False,
        description="Whether webhooks may go to private and loopback addresses, and over http.",
    )
    auth: Literal["on", "off"] | None = Field(
        None,
        description="Whether a key is needed; default: off on a loopback address, on elsewhere.",
    )
    keys_file: Path | None = Field(
        None, description="File of the API keys, hashed; default: `keys.json` in the data folder."
    )
    url_secrets: str | None = Field(
        None,
        description="Secrets that links and sessions are signed with, with commas between, the "
        "first signs; default: one is made and kept in the data folder.",
    )
    session_s: Annotated[float, Field(ge=1)] = Field(
        43_200.0, description="Seconds for which a session of the page lasts."
    )
    rate_limit: str | None = Field(
        None,
        description="Requests that each key, or each address without keys, may make, such as "
        "`100/minute`; a key may have a limit of its own.",
    )
    hosts: str | None = Field(
        None,
        description="Names that the server answers to, with commas between; beside its address, "
        "any other IP address, `localhost` and the host of the public URL.",
    )
    cors_origins: str | None = Field(
        None,
        description="Origins whose pages may call the API, with commas between, or `*`.",
    )
    trusted_proxies: str | None = Field(
        None,
        description="Addresses or networks of proxies whose `Forwarded` and `X-Forwarded-*` are "
        "believed, with commas between.",
    )
    public_url: str | None = Field(
        None, description="URL that clients reach the server by, such as `https://img.example.com`."
    )
    base_path: str = Field(
        "", description="Path that everything is below, such as `/images`, when a proxy keeps it."
    )
    max_connections: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="Open connections, all clients together; default: 10,000, or as many as the "
        "limit of open files holds.",
    )
    client_connections: Annotated[int, Field(ge=1)] = Field(
        100, description="Open connections of one client; those of trusted proxies are not counted."
    )
    client_streams: Annotated[int, Field(ge=1)] = Field(
        100, description="Open event streams of one client."
    )
    header_timeout_s: Annotated[float, Field(gt=0)] = Field(
        10.0, description="Seconds that the headers of a request may take."
    )
    keepalive_s: Annotated[float, Field(gt=0)] = Field(
        75.0, description="Seconds that an idle connection is kept."
    )
    upload_timeout_s: Annotated[float, Field(gt=0)] = Field(
        600.0, description="Seconds that a body may take, however large."
    )
    write_timeout_s: Annotated[float, Field(gt=0)] = Field(
        30.0, description="Seconds for which a client may read nothing of what it is sent."
    )
    source_urls: bool = Field(
        default=False, description="Whether a job's photograph may be fetched from a URL."
    )
    source_url_timeout_s: Annotated[float, Field(gt=0)] = Field(
        30.0, description="Seconds that fetching a photograph from a URL may take."
    )
    source_url_private: bool = Field(
        default=False, description="Whether such a URL may lead to private and loopback addresses."
    )
    heartbeat_s: Annotated[float, Field(gt=0)] = Field(
        15.0, description="Seconds between comments on a quiet event stream."
    )
    poison_s: Annotated[float, Field(ge=0)] = Field(
        3600.0, description="Seconds for which a source that crashed the decoder is refused."
    )
    arena_idle_s: Annotated[float, Field(gt=0)] = Field(
        4.0, description="Seconds after which idle shared memory is given back to the system."
    )
    presets_file: Path | None = Field(
        None, description="TOML file of presets that add to, or replace, the built-in ones."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Log level."
    )

    @property
    def redis(self) -> str | None:
        """The URL of Redis; None where there is none."""
        if self.redis_url:
            return self.redis_url
        return sites.redis_url(self.redis_host, self.redis_port, self.redis_password)

    @field_validator("port", "redis_port", mode="before")
    @classmethod
    def _own_port(cls, value: object, info: ValidationInfo) -> object:
        """Kubernetes sets `<SERVICE>_PORT=tcp://...` for each of its services; it is not ours."""
        if isinstance(value, str) and value.startswith("tcp://") and info.field_name:
            return cls.model_fields[info.field_name].default
        return value

    @field_validator("host")
    @classmethod
    def _one_address(cls, value: str) -> str:
        """An empty one, as of a variable that is set to nothing, would be every address."""
        if not value.strip():
            raise PydanticCustomError("rule", "must be an address, not empty")
        return value

    @field_validator(*_READERS)
    @classmethod
    def _readable(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse at the start what a request would stumble over."""
        try:
            if value and value.strip() and info.field_name:
                _READERS[info.field_name](value)
        except ValueError as error:
            # "rule": these words reach the user as they are.
            raise PydanticCustomError("rule", "{detail}", {"detail": str(error)}) from None
        return value.removesuffix("/") if value and info.field_name == "base_path" else value


def variables_of(setting: str) -> tuple[str, ...]:
    """The environment's names for a setting; the first that is set wins, in whatever case."""
    alias = Settings.model_fields[setting].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(map(str, alias.choices))
    return (_PREFIX + setting.upper(),)


def variables_set() -> dict[str, str]:
    """The environment's variables that are settings or claim to be, named as they were set."""
    known = {name for setting in Settings.model_fields for name in variables_of(setting)}
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in known
        or (name.upper().startswith(_PREFIX) and not _KUBERNETES.fullmatch(name))
    }


def storage_environment() -> dict[str, str]:
    """The environment's variables with endpoints and credentials of object storage."""
    return {name: value for name, value in os.environ.items() if name.startswith(_STORAGE_PREFIXES)}


def prepare_codec_environment(settings: Settings) -> None:
    """Put what OpenCV, BLAS and malloc read at their start into the environment; take secrets out.

    Call before the forkserver starts. Threads of BLAS would not survive its forks. Workers keep
    the memory that they free: with pages that are warm a job takes a sixth less CPU. A worker that
    a hostile file has taken over can read its own environment.
    """
    secrets = {name for setting in SECRETS for name in variables_of(setting)}
    secrets |= storage_environment().keys()
    for name in [name for name in os.environ if name.upper() in secrets]:
        del os.environ[name]
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(settings.max_pixels)
    os.environ["OPENCV_IO_MAX_IMAGE_WIDTH"] = str(settings.max_side_px)
    os.environ["OPENCV_IO_MAX_IMAGE_HEIGHT"] = str(settings.max_side_px)
    os.environ["OPENCV_LOG_LEVEL"] = "OFF"
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MALLOC_MMAP_THRESHOLD_"] = str(32 * MIB)
    os.environ["MALLOC_TRIM_THRESHOLD_"] = str(256 * MIB)
