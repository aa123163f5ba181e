"""Mutation testing: small changes of the code, made by a tool. Do the tests notice each of them?

mutmut makes the changes (its operators on libcst's trees). By itself it leaves decorated functions
alone, and here every sampler is one, so the runner is ours: each changed module runs in a fork of a
process that holds torch already, against the tests that run the changed line, quickest first.

Not changed, since it is no behaviour: docstrings, type annotations, `raise` statements (their
messages), imports, decorators, arguments of `len` and `isinstance`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("RESULTS.md")
UNCHANGED = (cst.Annotation, cst.Raise, cst.Import, cst.ImportFrom, cst.Decorator)


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str  # in course_utils
    line: int  # from 1
    before: str  # the lines that change, without indentation
    after: str
    source: str  # the whole changed file

    @property
    def change(self) -> str:
        """Before and after in one line: what the table of survivors shows."""
        return f"`{self.before}` → `{self.after}`".replace("|", "\\|")

    @property
    def key(self) -> str:
        """Line and change."""
        return f"{self.line} {self.change}"


class Visitor(MutationVisitor):
    """mutmut's choice of changes, with decorated functions and without `raise`."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef):
            return False
        return isinstance(node, UNCHANGED) or super()._skip_node_and_children(node)


def mutants(file: str) -> Iterator[Mutant]:
    """All different mutants of a file of course_utils that are Python."""
    source = (ROOT / "course_utils" / file).read_text(encoding="utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    seen = {ast.dump(ast.parse(source))}
    for mutation in visitor.mutations:
        changed = wrapper.module.deep_replace(mutation.original_node, mutation.mutated_node).code
        try:
            tree = ast.dump(ast.parse(changed))
        except SyntaxError:
            continue
        if tree not in seen:
            seen.add(tree)
            line = positions[mutation.original_node].start.line
            yield Mutant(file, line, *differing_lines(source, changed), changed)


def differing_lines(old: str, new: str) -> tuple[str, str]:
    """The lines between the common start and the common end of two texts, each as one line."""
    a, b = old.split("\n"), new.split("\n")
    start = next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    end = next(i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y)
    end = min(end, len(a) - start, len(b) - start)
    cut = (lines[start : len(lines) - end] for lines in (a, b))
    return tuple(" ".join(line.strip() for line in lines).strip() for lines in cut)
