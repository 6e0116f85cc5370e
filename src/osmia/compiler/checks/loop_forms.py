"""Chooses how each loop is carried out: as it stands where the verifier can walk it, else by the kernel's own means.

The verifier goes through every round of a plain loop, up to a million instructions and 8,192 undecided branches in a
program. Beyond that there are may_goto, after which it takes loops for what they do in general, and bpf_loop, which
calls the body as a function. Older kernels have neither: there the rounds are counted, so that the verifier comes to an
end. All three end a loop that runs too long: that takes the error edge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import integer_of
from osmia.compiler.ir.walk import assigned, nodes, operands, parts_of, targets
from osmia.record import record

if TYPE_CHECKING:
    from osmia.compiler import Target

MAY_GOTO_SINCE = (6, 9)
BPF_LOOP_SINCE = (5, 17)
FOR_EACH_SINCE = (5, 13)
# BPF_MAX_LOOPS in the kernel's include/linux/bpf.h: the most rounds of bpf_loop.
MOST_ROUNDS = 1 << 23
# BPF_COMPLEXITY_LIMIT_INSNS: what the verifier goes through at most.
VERIFIER_STEPS = 1_000_000
# BPF_COMPLEXITY_LIMIT_JMP_SEQ: how many branches it keeps for later at most.
VERIFIER_BRANCHES = 8_192

# What one plain loop, with those in it, may cost the verifier: nodes of the IR, and undecided branches.
MOST_NODES = 100_000
MOST_BRANCHES = 4_000
# How many rounds a counted loop has at most, where its cost leaves as many: alone, in a loop, in two.
MOST_COUNTED = (1024, 64, 16)
# The fewest that it is given, whatever its cost.
LEAST_COUNTED = 8
# How often the verifier goes through the body of the other forms, about.
ROUNDS_IN_GENERAL = 4

RAN_TOO_LONG = "the loop ran too long"


@record
class Cost:
    """What a part of a program costs the verifier."""

    nodes: int
    branches: int
    least: int
    """Instructions that it surely goes through."""

    def plus(self, other: Cost) -> Cost:
        """Both parts."""
        return Cost(self.nodes + other.nodes, self.branches + other.branches, self.least + other.least)


NOTHING = Cost(0, 0, 0)


@record
class Around:
    """What a loop stands in."""

    target: Target
    values: dict[ir.Local, list[ir.Expression]]
    """All that each local is assigned."""
    followed: dict[ir.Local, bool]
    """What has been found out; a local is taken to be followed while its own values are looked at."""
    general: set[ir.Local]
    """What loops assign that the verifier does not go round by round: it takes their locals for anything."""
    loops: int = 0
    """How many loops there are around."""

    def inside(self) -> Around:
        """What stands in one loop more."""
        return Around(self.target, self.values, self.followed, self.general, self.loops + 1)

    def follows(self, of: ir.Expression) -> bool:
        """Whether the verifier knows a number's bounds as well as its type does.

        It does not through divisions and calls, nor where they come of the number of rounds.
        """
        match of:
            case ir.Constant() | ir.Load() | ir.ContextRead() | ir.Wrap():
                return True
            case ir.LocalRead(local=local) if local.by_rounds or local in self.general:
                return False
            case ir.LocalRead(local=local) if local in self.values:
                if local not in self.followed:
                    self.followed[local] = True
                    self.followed[local] = all(map(self.follows, self.values[local]))
                return self.followed[local]
            case ir.Binary(operator="+" | "-" | "&" | "<<" | ">>", left=left, right=right):
                return self.follows(left) and self.follows(right)
            case ir.Sequence(value=value):
                return self.follows(value)
            case _:
                return False


def _values(body: tuple[ir.Statement, ...]) -> dict[ir.Local, list[ir.Expression]]:
    found: dict[ir.Local, list[ir.Expression]] = {}
    for each in nodes(body):
        if isinstance(each, ir.Assign | ir.AssignExpression):
            found.setdefault(each.local, []).append(each.value)
    return found


def choose_loop_forms(program: ir.Program, target: Target) -> None:
    """Set the form of each loop of a program. CompileError for one that no kernel like the target's can do."""
    for body in (*(function.body for function in program.functions), program.body):
        _statements(body, Around(target, _values(body), {}, set()))


def _statements(statements: tuple[ir.Statement, ...], around: Around) -> Cost:
    cost = NOTHING
    for statement in statements:
        parts, blocks = parts_of(statement)
        if isinstance(statement, ir.ForEach) and statement.helper.name == "for_each_map_elem":
            _check_for_each(statement, around.target)
        if isinstance(statement, ir.Loop):
            cost = cost.plus(_loop(statement, around))
            continue
        for part in parts:
            cost = cost.plus(_expression(part, around))
        inside = NOTHING
        for block in blocks:
            inside = inside.plus(_statements(block, around))
        if isinstance(statement, ir.If | ir.ForEach):
            inside = Cost(inside.nodes, inside.branches + 1, 0)
        cost = cost.plus(inside).plus(Cost(1, 0, 0))
    return cost


def _check_for_each(statement: ir.ForEach, target: Target) -> None:
    if target.kernel >= FOR_EACH_SINCE:
        return
    raise error(
        "the kernel that the object is for cannot go through a map",
        statement.location,
        found=f"for_each on {statement.map.symbol}, for Linux {_dotted(target.kernel)}",
        expected=f"Linux {_dotted(FOR_EACH_SINCE)}, the first that has bpf_for_each_map_elem",
        fix=f"build for Linux {_dotted(FOR_EACH_SINCE)} or newer (--kernel {_dotted(FOR_EACH_SINCE)}), or go through"
        " the map in user code",
    )


def _expression(of: ir.Expression, around: Around) -> Cost:
    cost = Cost(1, 0, 0)
    match of:
        case ir.Sequence(before=before):
            cost = cost.plus(_statements(before, around))
        case ir.Conditional() | ir.Logical() | ir.Compare() | ir.IsNone() | ir.Require():
            cost = Cost(2, 1, 0)
        case ir.Element() | ir.Binary() if of.edge is not None:
            cost = Cost(2, 1, 0)
        case _:
            cost = Cost(1, 0, 0)
    for operand in operands(of):
        cost = cost.plus(_expression(operand, around))
    return cost


def _loop(statement: ir.Loop, around: Around) -> Cost:
    plan, inside = statement.plan, around.inside()
    once = _expression(statement.test, inside)
    for block in (statement.body, statement.step):
        once = once.plus(_statements(block, inside))
    after = _statements(statement.otherwise, around)
    if plan.most is None:
        plan.most = _guarded(statement, around)
    elif not all(map(around.follows, operands(statement.test))):
        plan.most = None
    whole = isinstance(plan.most, int) and not _may_leave(statement.body)
    least = plan.least * max(1, once.least) if whole else 0
    small = (
        plan.most is not None and plan.most * once.nodes <= MOST_NODES and plan.most * once.branches <= MOST_BRANCHES
    )
    plan.form = "plain" if small else _form(around.target)
    if plan.form == "counted":
        _check_plain(least, plan)
        rounds = _counted(once, around.loops)
        if plan.most is not None and (plan.least > rounds or _walked(plan.most, once)):
            plan.form = "plain"
        else:
            plan.counted = rounds
            plan.edge = ir.ErrorEdge(RAN_TOO_LONG)
            return Cost(rounds * once.nodes, rounds * once.branches, 0).plus(after)
    if plan.form == "plain":
        assert plan.most is not None
        return Cost(plan.most * once.nodes, plan.most * once.branches, least).plus(after)
    around.general.update(assigned((statement,)))
    if plan.form == "bpf_loop" and whole and plan.least > MOST_ROUNDS:
        raise _too_long(plan, f"{plan.least} rounds", f"at most {MOST_ROUNDS}, which bpf_loop can do", MAY_GOTO_SINCE)
    plan.edge = ir.ErrorEdge(RAN_TOO_LONG)
    return Cost(ROUNDS_IN_GENERAL * once.nodes, ROUNDS_IN_GENERAL * once.branches, 0).plus(after)


def _form(target: Target) -> str:
    """What the target's kernel has for loops that the verifier cannot walk."""
    if target.kernel >= MAY_GOTO_SINCE:
        return "may_goto"
    return "bpf_loop" if target.kernel >= BPF_LOOP_SINCE else "counted"


def _counted(once: Cost, loops: int) -> int:
    """After how many rounds a loop is ended that the verifier has to walk without knowing its end."""
    most = MOST_COUNTED[min(loops, len(MOST_COUNTED) - 1)]
    affordable = min(MOST_NODES // once.nodes, MOST_BRANCHES // max(1, once.branches))
    return max(LEAST_COUNTED, min(most, affordable))


def _walked(most: int, once: Cost) -> bool:
    """Whether the verifier may come to the end of so many rounds, if only just."""
    return most * once.nodes <= VERIFIER_STEPS and most * once.branches <= VERIFIER_BRANCHES


def _check_plain(least: int, plan: ir.LoopPlan) -> None:
    if least <= VERIFIER_STEPS:
        return
    expected = f"at most {VERIFIER_STEPS} instructions, which is as far as its verifier goes"
    raise _too_long(plan, f"{plan.least} rounds, at least {least} instructions", expected, BPF_LOOP_SINCE)


def _too_long(plan: ir.LoopPlan, found: str, expected: str, since: tuple[int, int]) -> Exception:
    return error(
        "this loop is too long for the kernel that the object is for",
        plan.location,
        found=found,
        expected=expected,
        fix=f"build for Linux {_dotted(since)} or newer (--kernel {_dotted(since)}), or make the loop shorter",
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _may_leave(body: tuple[ir.Statement, ...]) -> bool:
    """Whether something may leave the loop before its test is false; breaks of loops inside count too."""
    return any(isinstance(each, ir.Break | ir.Return | ir.Leave | ir.Abort) for each in nodes(body))


def _guarded(statement: ir.Loop, around: Around) -> int | None:
    """How often a loop runs at most, where a local that only grows, or only shrinks, decides."""
    found = [
        most
        for test in _guards(statement)
        for operand, operator, bound in _comparisons(test, around)
        if (most := _rounds(statement, operand, operator, bound)) is not None
    ]
    return min(found, default=None)


def _guards(statement: ir.Loop) -> list[ir.Expression]:
    """Tests that are made in every round and end the loop when they are false."""
    tests = [statement.test]
    for each in statement.body:
        match each:
            case ir.If(test=test, then=(*_, ir.Break() | ir.Return() | ir.Leave() | ir.Abort())):
                tests.append(ir.Not(ir.BOOL, each.location, test))
            case ir.Continue():
                break
            case _ if _continues((each,)):
                break
    return tests


def _continues(statements: tuple[ir.Statement, ...]) -> bool:
    """Whether something goes on with the next round of this very loop."""
    for each in statements:
        if isinstance(each, ir.Continue):
            return True
        blocks = (each.otherwise,) if isinstance(each, ir.Loop) else parts_of(each)[1]
        if any(_continues(block) for block in blocks):
            return True
    return False


def _comparisons(test: ir.Expression, around: Around) -> list[tuple[ir.LocalRead, str, int]]:
    """The comparisons of a local with a bound that hold where the test does: (local, `<` or `>`, bound)."""
    match test:
        case ir.Logical(operator="and", operands=parts):
            return [each for part in parts for each in _comparisons(part, around)]
        case ir.Not(operand=ir.Logical(operator="or", operands=parts)):
            return [each for part in parts for each in _comparisons(ir.Not(ir.BOOL, part.location, part), around)]
        case ir.Not(operand=ir.Compare(operators=(operator,), operands=(left, right))):
            opposite = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!="}.get(operator)
            known = opposite is not None and around.follows(left) and around.follows(right)
            return _bounded(left, opposite, right) if known and opposite is not None else []
        case ir.Compare(operators=(operator,), operands=(left, right)):
            return _bounded(left, operator, right) if around.follows(left) and around.follows(right) else []
        case _:
            return []


def _bounded(left: ir.Expression, operator: str, right: ir.Expression) -> list[tuple[ir.LocalRead, str, int]]:
    if not isinstance(left, ir.LocalRead):
        if not isinstance(right, ir.LocalRead):
            return []
        left, right = right, left
        operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
    assert isinstance(left, ir.LocalRead)
    limit = integer_of(right.type)
    if limit is None:
        return []
    match operator:
        case "<":
            return [(left, "<", limit.high)]
        case "<=":
            return [(left, "<", limit.high + 1)]
        case ">":
            return [(left, ">", limit.low)]
        case ">=":
            return [(left, ">", limit.low - 1)]
        case _:
            return []


def _rounds(statement: ir.Loop, operand: ir.LocalRead, operator: str, bound: int) -> int | None:
    """How often the loop runs if it counts the local towards the bound in every round."""
    of = integer_of(operand.type)
    step = _step_of(statement, operand.local)
    if of is None or step is None:
        return None
    if operator == "<" and step > 0:
        return max(0, bound - of.low + step - 1) // step + 1
    if operator == ">" and step < 0:
        return max(0, of.high - bound - step - 1) // -step + 1
    return None


def _step_of(statement: ir.Loop, local: ir.Local) -> int | None:
    """What is added to the local in every round, where that is all that is done to it."""
    everywhere = (*statement.body, *statement.step)
    assigning = [each for each in nodes(everywhere) if local in targets(each)]
    assigning += [each for each in _test_nodes(statement.test) if local in targets(each)]
    if len(assigning) != 1:
        return None
    places = [index for index, each in enumerate(statement.body) if each is assigning[0]]
    stepped = any(each is assigning[0] for each in statement.step)
    if not stepped and (not places or _continues(statement.body[: places[0]])):
        return None
    match assigning[0]:
        case ir.Assign(value=ir.Binary(operator=operator, left=ir.LocalRead(local=read), right=ir.Constant(value=by))):
            if read is not local or (local.storage is not None and _may_wrap(assigning[0], local)):
                return None
            return {"+": by, "-": -by}.get(operator)
        case _:
            return None


def _may_wrap(assign: ir.Statement | ir.Expression, local: ir.Local) -> bool:
    assert isinstance(assign, ir.Assign)
    of = integer_of(assign.value.type)
    assert of is not None and local.storage is not None  # noqa: PT018 - arithmetic on a declared local
    return not (local.storage.low <= of.low and of.high <= local.storage.high)


def _test_nodes(test: ir.Expression) -> list[ir.Statement | ir.Expression]:
    return list(nodes((ir.Evaluate(test.location, test),)))
