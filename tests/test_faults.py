"""The list of planted faults fits the package; `python -m tests.faults` plants them."""

import ast

import pytest
from faults import ROOT, Fault, read_faults, read_results

FAULTS = read_faults()


def test_there_are_sixty_faults_or_more_each_with_its_own_id():
    assert len({fault.id for fault in FAULTS}) == len(FAULTS) >= 60


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_breaks_one_line_of_the_package_as_it_is(fault):
    source = (ROOT / fault.path).read_text(encoding="utf-8")
    broken = fault.plant(source)  # raises where the line is gone
    assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(source))
    changed = zip(source.splitlines(), broken.splitlines(), strict=True)
    assert sum(a != b for a, b in changed) == 1
    assert all((ROOT / path).is_file() for path in fault.test_paths)


def test_a_line_that_is_gone_or_there_twice_is_refused():
    fault = Fault("a", "a.py", "x = 1", "x = 2", "why")
    assert fault.plant("if y:\n    x = 1\n") == "if y:\n    x = 2\n"
    for source in ("x = 3\n", "x = 1\nx = 1\n"):
        with pytest.raises(ValueError, match="bring faults.toml up to date"):
            fault.plant(source)


def test_the_results_tell_of_every_fault_of_the_list():
    results = read_results()
    assert [*results] == ["fault", *(fault.id for fault in FAULTS)]
    assert "not run" not in results.values()
