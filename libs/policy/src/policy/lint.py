"""What is missing in a policy before it is used: a cell without a row holds for ever, and somebody should know."""

from collections import Counter
from collections.abc import Iterable

from contracts.plan import MatrixRow, Policy, Trigger
from policy.directory import Directory
from policy.stages import MEASURES


def lint(policy: Policy, actions: Iterable[tuple[str, str]] = ()) -> list[str]:
    """What to mend, one line each; nothing means that every action and trigger reaches somebody.

    `actions` are the (tool, verb) pairs of the template. Each needs a matrix row with a role and another one as backup,
    each trigger exactly one rule whose role some row backs up, each boundary something that can be measured.
    """
    findings = []
    cells = Counter((row.tool, row.verb, row.action_class, row.decision_type) for row in policy.matrix)
    findings += [f"matrix: {n} rows for {'/'.join(cell)}: keep one" for cell, n in cells.items() if n > 1]
    covered = {(row.tool, row.verb) for row in policy.matrix}
    findings += [
        f"matrix: no row for {tool}/{verb}: it would be held" for tool, verb in actions if (tool, verb) not in covered
    ]
    findings += [
        f"matrix: row {row.id} has no backup: name another role than {row.role}"
        for row in policy.matrix
        if row.role == row.backup_role
    ]
    rules = Counter(rule.trigger for rule in policy.triggers)
    findings += [f"triggers: no rule for {trigger}" for trigger in Trigger if trigger not in rules]
    findings += [f"triggers: {n} rules for {trigger}: keep one" for trigger, n in rules.items() if n > 1]
    roles = {row.role for row in policy.matrix}
    findings += [
        f"triggers: rule {rule.id}: no matrix row asks {rule.role}, so it has no backup"
        for rule in policy.triggers
        if rule.role not in roles
    ]
    findings += [
        f"boundaries: {one.id}: {one.what} cannot be measured: use one of {', '.join(sorted(MEASURES))}"
        for one in policy.boundaries
        if one.what not in MEASURES
    ]
    findings += [
        f"holds: {one.id}: no row for {one.tool}/{one.verb}: nothing would ever wait"
        for one in policy.holds
        if (one.tool, one.verb) not in covered
    ]
    if not policy.boundaries:
        findings.append("boundaries: none: nothing can be delegated")
    return findings


def lint_people(matrix: Iterable[MatrixRow], directory: Directory) -> list[str]:
    """What to mend in the directory, one line each; nothing means that every question reaches somebody, and a backup.

    Each role that a row names needs a holder, its backup another one, and both together as many people as the row asks
    for. Who is absent for a while counts; who is absent for good does not.
    """
    rows = tuple(matrix)
    there = {
        role: {person.subject for person in directory.holders(role) if person.absent is not True}
        for row in rows
        for role in (row.role, row.backup_role)
    }
    findings = [
        f"people: nobody is {role}: give the role to somebody in people.yaml" for role in there if not there[role]
    ]
    for row in rows:
        both = there[row.role] | there[row.backup_role]
        if there[row.role] and there[row.backup_role] and len(both) < 2:
            findings.append(f"people: row {row.id}: {row.role} and {row.backup_role} are one person: name another")
        elif len(both) < row.needed:
            findings.append(
                f"people: row {row.id} needs {row.needed} people, {len(both)} have {row.role} or its backup"
            )
    return findings
