"""Before torch is imported: how many threads, how they wait; then what the setup cell prints.

OpenMP reads its settings once, when torch is imported, so this file must not import torch at its
top. How threads wait matters more than most code: GNU OpenMP lets a thread that has nothing to do
spin for about 300,000 rounds. On a quiet machine that is fast; on a busy one the threads take
the cores from the very thread they wait for. A short spin is nearly as fast in the first case and
many times faster in the second; `make bench` measures both.
"""

import os
import platform

MOST_THREADS = 4  # more do not help models of this size
SPIN_ROUNDS = 5_000  # about 10 microseconds of waiting before a thread goes to sleep


def usable_cores() -> int:
    """Cores this process may use: its affinity, and a container's CPU quota where there is one."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="utf-8") as file:
            quota, period = file.read().split()
        if quota != "max":
            cores = min(cores, -(-int(quota) // int(period)))  # rounded up
    except (OSError, ValueError):
        pass  # no cgroup, as on macOS and Windows
    return max(1, cores)


def thread_settings() -> dict[str, str]:
    """Environment variables for OpenMP that suit this machine."""
    return {
        "OMP_NUM_THREADS": str(min(MOST_THREADS, usable_cores())),
        "GOMP_SPINCOUNT": str(SPIN_ROUNDS),  # read by GNU OpenMP (Linux) alone
    }


def set_threads() -> None:
    """Set what `thread_settings` says where the user has not; before torch is imported."""
    for name, value in thread_settings().items():
        os.environ.setdefault(name, value)


def start() -> None:
    """Set the threads and print one line on the machine: the last line of every setup cell."""
    set_threads()
    import torch  # only now, so that it reads the settings

    from course_utils import __version__
    from course_utils.runtime import device_name, pick_device

    print(
        f"course {__version__} · Python {platform.python_version()} · torch {torch.__version__} · "
        f"device {device_name(pick_device())} · threads {torch.get_num_threads()} · "
        f"data {data_source()}"
    )


def data_source() -> str:
    """In words, where data sets will be looked for first."""
    if folder := os.environ.get("COURSE_DATA"):
        return "from COURSE_DATA" + ("" if os.path.isdir(folder) else ", which does not exist")
    offline = os.environ.get("COURSE_OFFLINE", "0") not in ("", "0")
    return "from the cache or built in" if offline else "from the cache or downloaded"
