"""Say in words what is wrong with this machine, and how to mend it.

Each line is ok, a warning (the course runs, with something less) or a problem (it will not run).
The exit status is 1 only when there is a problem.
"""

import os
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from course_utils.commands.notebook import ROOT
from course_utils.data.files import cache_folder, find_file, offline
from course_utils.data.sources import FILES
from course_utils.environment import thread_settings, usable_cores

INSTALL = "run `make lab`, or `python -m pip install -e .` in the folder of the course"


@dataclass(frozen=True)
class Finding:
    level: str  # ok | warning | problem
    what: str
    cure: str = ""


def main(options) -> int:
    """Print all findings; 1 if one is a problem."""
    findings = examine()
    for finding in findings:
        print(f"{finding.level:8} {finding.what}")
        if finding.cure:
            print(f"{'':8} -> {finding.cure}")
    problems = sum(finding.level == "problem" for finding in findings)
    print(f"\n{problems} problem(s)." if problems else "\nThe course can run here.")
    return int(problems > 0)


def examine() -> list[Finding]:
    """Every check, on the machine as it is."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {name: [find_file(file) for file in files] for name, files in FILES.items()}
    build = ROOT / "build"
    return [
        interpreter(Path(sys.prefix), ROOT / ".venv"),
        kernel(_kernel_command(), Path(sys.executable)),
        *packages(required["dependencies"], {d.name.lower(): d.version for d in _installed()}),
        device(),
        *data(os.environ.get("COURSE_DATA"), offline(), found),
        *(disk(folder, _free(folder)) for folder in (cache_folder(), build)),
        threads(usable_cores(), {k: os.environ.get(k, v) for k, v in thread_settings().items()}),
        *tools({name: shutil.which(name) for name in ("git", "make")}),
    ]


def interpreter(prefix: Path, project: Path) -> Finding:
    """Which Python this is, and if it is the one that `make` sets up."""
    version = ".".join(map(str, sys.version_info[:3]))
    what = f"Python {version} at {sys.executable}"
    if project.is_dir() and project.resolve() != prefix.resolve():
        what += f" is not the environment of the project, {project}"
        return Finding("warning", what, "start with `make lab`, or choose that Python in an editor")
    return Finding("ok", what)


def kernel(command: list[str] | None, executable: Path) -> Finding:
    """If notebooks are executed by the Python that runs this command."""
    if command is None:
        return Finding("problem", "Jupyter has no kernel named python3", INSTALL)
    if not Path(command[0]).is_absolute() or _same(Path(command[0]), executable):
        return Finding("ok", "notebooks run with this Python (kernel python3)")
    return Finding(
        "problem",
        f"notebooks run with another Python: kernel python3 starts {command[0]}",
        f"`{executable} -m ipykernel install --prefix {sys.prefix}` makes the kernel this Python",
    )


def packages(required: list[str], installed: Mapping[str, str]) -> list[Finding]:
    """The installed versions against the lower bounds of pyproject.toml."""
    good, findings = [], []
    for requirement in map(Requirement, required):
        if requirement.marker and not requirement.marker.evaluate():
            continue
        version = installed.get(requirement.name.lower())
        if version is None:
            findings.append(Finding("problem", f"{requirement.name} is not installed", INSTALL))
        elif not requirement.specifier.contains(version, prereleases=True):
            what = f"{requirement.name} {version} is installed, needed: {requirement.specifier}"
            findings.append(Finding("problem", what, INSTALL))
        else:
            good.append(f"{requirement.name} {version}")
    return [Finding("ok", f"installed: {', '.join(good) or 'nothing'}"), *findings]


def device() -> Finding:
    """What torch computes on, if it can be imported at all."""
    try:
        from course_utils.runtime import pick_device

        return Finding("ok", f"torch computes on: {pick_device()}")
    except (ImportError, OSError, RuntimeError) as error:
        return Finding("problem", f"torch does not start: {error}", INSTALL)


def data(
    shared: str | None, is_offline: bool, found: Mapping[str, list[Path | None]]
) -> list[Finding]:
    """Where each data set comes from: COURSE_DATA, the cache, a download or the stand-in.

    `shared` is the value of COURSE_DATA; `found` holds each set's files on this machine.
    """
    findings = []
    if shared and not Path(shared).is_dir():
        what = f"COURSE_DATA names {shared}, which is not a folder"
        findings.append(Finding("problem", what, "correct the variable, or remove it"))
    for name, files in found.items():
        if all(files):
            inside = shared and files[0].is_relative_to(shared)
            step = f"COURSE_DATA, {shared}" if inside else f"the cache, {cache_folder()}"
            findings.append(Finding("ok", f"{name}: from {step}"))
        elif is_offline:
            what = f"{name} is not on this machine and COURSE_OFFLINE is set: the built-in stand-in"
            findings.append(Finding("warning", what, "unset COURSE_OFFLINE, or set COURSE_DATA"))
        else:
            what = f"{name} is not on this machine: its first use will try to download it"
            findings.append(Finding("warning", what, "`python -m course_utils data` does so now"))
    return findings


def disk(folder: Path, free: float) -> Finding:
    """The space, in GB, on the disk that holds a folder."""
    level = "ok" if free >= 2 else "warning" if free >= 0.2 else "problem"
    cure = "" if level == "ok" else "delete what you do not need; the course writes about 0.2 GB"
    return Finding(level, f"{free:.1f} GB free for {folder}", cure)


def threads(cores: int, settings: Mapping[str, str]) -> Finding:
    """How many threads compute and how they wait for each other."""
    what = ", ".join([f"{cores} core(s)", *(f"{k}={v}" for k, v in settings.items())])
    number = settings.get("OMP_NUM_THREADS", "")
    if number.isdigit() and int(number) > cores:
        return Finding("warning", f"{what}: more threads than cores are slow", f"at most {cores}")
    return Finding("ok", f"threads and how long they spin when they wait: {what}")


def tools(paths: Mapping[str, str | None]) -> list[Finding]:
    """git and make: useful, not needed."""
    cures = {
        "git": "only needed to fetch updates: https://git-scm.com",
        "make": "not needed: README gives the same commands without it",
    }
    return [
        Finding("ok", f"{name} at {path}") if path else
        Finding("warning", f"{name} is not installed", cures[name])
        for name, path in paths.items()
    ]  # fmt: skip


def _kernel_command() -> list[str] | None:
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        return KernelSpecManager().get_kernel_spec("python3").argv
    except (ImportError, KeyError):  # NoSuchKernel is a KeyError
        return None


def _installed() -> list[metadata.Distribution]:
    return [found for found in metadata.distributions() if found.name]


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.parent.resolve() == other.parent.resolve()


def _free(folder: Path) -> float:
    existing = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
    return shutil.disk_usage(existing).free / 1e9
