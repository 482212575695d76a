"""A real S3 on this machine: Ceph's monitor, one OSD in memory and its gateway, up in about 2 s.

`setpriv` has the kernel end the daemons with whoever started them, however that ends.
"""

import os
import signal
import socket
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.error import URLError

import obstore
from obstore.store import S3Store

PATIENCE_S = 60.0
KEY, SECRET = "local-key", "local-secret"
REGION = "us-east-1"

_CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = v2:127.0.0.1:{mon_port}
public_addr = 127.0.0.1
ms_bind_ipv6 = false
keyring = {folder}/keyring
run_dir = {folder}
crash_dir = {folder}
admin_socket =
pid_file =
log_file = {folder}/$name.log
mon_cluster_log_file = {folder}/cluster.log
mon_data = {folder}/mon
mon_data_avail_crit = 0
mon_data_avail_warn = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_crush_chooseleaf_type = 0
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_heartbeat_grace = 3600
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw_thread_pool_size = 64
rgw_enable_gc_threads = false
rgw_enable_lc_threads = false
"""


class ObjectStoreError(Exception):
    """The daemons did not come up; the message is what they said."""


class ObjectStore:
    """The running daemons; the gateway can be taken away for a while.

    Args:
        folder: For everything.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mon_port, self.port = _free_ports(2)
        self._daemons: list[subprocess.Popen[bytes]] = []
        self._gateway: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Where the gateway is."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self, endpoint: str | None = None) -> Mapping[str, str]:
        """Variables by which to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_REGION": REGION,
        }

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        url = obstore.sign(self.store(name), "PUT", "", timedelta(minutes=1))
        request = urllib.request.Request(url, method="PUT")  # noqa: S310 - it is http
        with urllib.request.urlopen(request):  # noqa: S310 - likewise
            return name

    def store(self, bucket: str, prefix: str | None = None) -> S3Store:
        """The bucket, for a look behind PixelPipe's back."""
        return S3Store(
            bucket,
            prefix=prefix,
            access_key_id=KEY,
            secret_access_key=SECRET,
            endpoint=self.endpoint,
            region=REGION,
            client_options={"allow_http": True},
        )

    def start(self) -> None:
        """Start all of it; return once it answers.

        Raises:
            ObjectStoreError: It did not come up.
        """
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        (self._folder / "ceph.conf").write_text(
            _CONFIGURATION.format(
                folder=self._folder, fsid=fsid, mon_port=self._mon_port, port=self.port
            )
        )
        self._make_keys()
        address = f"[v2:127.0.0.1:{self._mon_port}]"
        self._run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, "monmap")
        self._run(*["ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring"])
        self._daemons.append(self._daemon("ceph-mon", "-i", "a"))
        self._run("ceph", "osd", "new", osd)
        (self._folder / "osd").mkdir()
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._daemons.append(self._daemon("ceph-osd", "-i", "0"))
        user = ["--uid=local", "--display-name=local"]
        keys = [f"--access-key={KEY}", f"--secret-key={SECRET}"]
        self._run("radosgw-admin", "user", "create", *user, *keys)
        self.open()

    def open(self) -> None:
        """Have the gateway there."""
        if self._gateway is None:
            self._gateway = self._daemon("radosgw", "-n", "client.admin", "--keyring", "keyring")
            self._wait()

    def shut(self) -> None:
        """Take the gateway away; what is stored stays."""
        if self._gateway is not None:
            self._gateway.kill()
            self._gateway.wait()
            self._gateway = None

    def freeze(self) -> None:
        """The gateway takes connections and answers nothing."""
        if self._gateway is not None:
            self._gateway.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        if self._gateway is not None:
            self._gateway.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End all of it."""
        self.shut()
        for daemon in self._daemons:
            daemon.kill()
            daemon.wait()

    def _make_keys(self) -> None:
        for name in ("client.admin", "mon.", "osd.0"):
            rights = [word for part in ("mon", "osd") for word in ("--cap", part, "allow *")]
            new = [] if (self._folder / "keyring").exists() else ["--create-keyring"]
            self._run("ceph-authtool", "keyring", *new, "--gen-key", "-n", name, *rights)

    def _daemon(self, *command: str) -> subprocess.Popen[bytes]:
        guard = ("setpriv", "--pdeathsig", "KILL")
        with (self._folder / f"{command[0]}.out").open("ab") as out:
            return subprocess.Popen(
                [*guard, *command, "-f", "-c", "ceph.conf"],
                cwd=self._folder,
                stdout=out,
                stderr=out,
                env=_bare_environment(),
                process_group=0,  # a Ctrl-C of the terminal is not for it
            )

    def _run(self, *command: str) -> None:
        configured = [] if command[0] in {"ceph-authtool", "monmaptool"} else ["-c", "ceph.conf"]
        done = subprocess.run(
            [*command, *configured],
            cwd=self._folder,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
            env=_bare_environment(),
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace")
            raise ObjectStoreError(f"{' '.join(command)} failed:\n{said}")

    def _wait(self) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            try:
                with urllib.request.urlopen(self.endpoint):  # noqa: S310 - it is http
                    return
            except (URLError, ConnectionError):
                time.sleep(0.02)
        raise ObjectStoreError((self._folder / "radosgw.out").read_text())


def _bare_environment() -> dict[str, str]:
    """Without what would change how Ceph's own Python programs run."""
    return {"PATH": f"/usr/sbin:/usr/bin:/bin:{os.environ.get('PATH', '')}", "HOME": "/nonexistent"}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
