"""JupyterLab in a folder of its own, and the Chromium that looks at it, as a learner does."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import psutil
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Playwright

from course_utils.commands.job import environment

NO_BROWSER = (
    "No Chromium here. Get one with `python -m playwright install chromium` (no root needed), "
    "or on Debian and Ubuntu with `apt install chromium`."
)
START_SECONDS = 120  # for a server on a busy machine
FOLDERS = ("notebooks", "runtime", "config", "settings", "workspaces", "ipython")


def find_browser(playwright: Playwright) -> str | None:
    """The path of a Chromium: playwright's own, else the system's, else None."""
    own = playwright.chromium.executable_path
    system = map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))
    return own if Path(own).is_file() else next(filter(None, system), None)


@dataclass
class Lab:
    """A running server: the folder below which all its files lie, its address, its token."""

    folder: Path
    address: str
    token: str

    def page(self, name: str) -> str:
        """The address of a notebook of the folder "notebooks"."""
        return f"{self.address}/lab/tree/{name}?token={self.token}&reset"

    def settle(self, plugin: str, **values: object) -> None:
        """Set what the next page loaded reads, as the settings editor does."""
        file = self.folder.joinpath("settings", "@jupyterlab", *plugin.split(":"))
        file = file.with_suffix(".jupyterlab-settings")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")

    def ask_kernel(self, expression: str) -> str:
        """The repr of an expression in the kernel started last; it leaves no trace on the page."""
        connections = (self.folder / "runtime").glob("kernel-*.json")
        newest = max(connections, key=lambda path: path.stat().st_mtime)
        client = BlockingKernelClient(connection_file=str(newest))
        client.load_connection_file()
        client.start_channels()
        try:
            question = {"answer": expression}
            code = client.execute("", silent=True, user_expressions=question, store_history=False)
            while (reply := client.get_shell_msg(timeout=60))["parent_header"]["msg_id"] != code:
                pass
            return reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]
        finally:
            client.stop_channels()

    def stop_kernels(self) -> None:
        """End all sessions, so that the next notebook has the machine to itself."""
        sessions = f"{self.address}/api/sessions"
        header = {"Authorization": f"token {self.token}"}
        with urlopen(Request(sessions, headers=header), timeout=60) as answer:
            running = json.load(answer)
        for session in running:
            path = f"{sessions}/{session['id']}"
            urlopen(Request(path, headers=header, method="DELETE"), timeout=60).close()

    def kernel(self) -> psutil.Process:
        """The process of that kernel."""
        return psutil.Process(int(self.ask_kernel("__import__('os').getpid()")))


@contextmanager
def start_lab(folder: Path) -> Iterator[Lab]:
    """JupyterLab on a free port, with no trace of the user's settings and none left there."""
    paths = {name: folder / name for name in FOLDERS}
    for path in paths.values():
        path.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lab = Lab(folder, f"http://127.0.0.1:{port}", secrets.token_hex(16))
    lab.settle("apputils-extension:notification", fetchNews="false", checkForUpdates=False)
    variables = environment() | {
        "JUPYTER_TOKEN": lab.token,
        "JUPYTER_RUNTIME_DIR": str(paths["runtime"]),
        "JUPYTER_CONFIG_DIR": str(paths["config"]),
        "JUPYTERLAB_SETTINGS_DIR": str(paths["settings"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(paths["workspaces"]),
        "IPYTHONDIR": str(paths["ipython"]),
    }
    for name in ("CI", "COURSE_STATIC"):  # a demo switches itself off where one of them is set
        variables.pop(name, None)
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += ["--allow-root", f"--ServerApp.root_dir={paths['notebooks']}"]
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = psutil.Popen(command, env=variables, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lab, server)
        yield lab
    finally:
        stop(server)


def wait_for(lab: Lab, server: psutil.Popen) -> None:
    """Return once the server answers; RuntimeError with its last words when it does not."""
    limit = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < limit:
        try:
            urlopen(f"{lab.address}/api?token={lab.token}", timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    words = (lab.folder / "log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"JupyterLab did not start:\n{words[-2000:]}")


def stop(server: psutil.Popen) -> None:
    """End a server and its kernels, by force after five seconds."""
    processes = [server]
    with suppress(psutil.NoSuchProcess):
        processes += server.children(recursive=True)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=5)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
