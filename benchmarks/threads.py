"""How OpenMP threads wait, on a quiet machine and on a busy one (course_utils.environment).

The work is fifty small training steps. Busy means: as many other processes as cores compute
all the while. Seconds of wall time; smaller is better.
"""

import os
import subprocess
import sys
from contextlib import contextmanager

from course_utils.environment import thread_settings, usable_cores

WORK = """
import time, torch
model = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 784))
optimizer, x = torch.optim.Adam(model.parameters()), torch.rand(128, 784)
def step():
    optimizer.zero_grad()
    (model(x) - x).square().mean().backward()
    optimizer.step()
for _ in range(5): step()
start = time.perf_counter()
for _ in range(50): step()
print(time.perf_counter() - start)
"""
SETTINGS = {
    "torch's default": {},
    "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
    "active": {"OMP_WAIT_POLICY": "ACTIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "the course's": thread_settings(),
}


def main(seeds: tuple[int, ...] = (0, 1, 2)) -> dict[str, list[float]]:
    """Seconds of each setting, quiet and busy; the settings take turns."""
    results = {}
    for state, others in (("quiet", 0), ("busy", usable_cores())):
        with busy(others):
            for _ in seeds:
                for setting, variables in SETTINGS.items():
                    name = f"{state}, {setting}, s"
                    results.setdefault(name, []).append(_run(variables))
    return results


def _run(variables: dict[str, str]) -> float:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, "-c", WORK]
    done = subprocess.run(command, env=clean | variables, capture_output=True, check=True)
    return float(done.stdout)


@contextmanager
def busy(processes: int):
    """Keep so many processes computing inside the `with` block."""
    running = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
