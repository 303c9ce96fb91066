"""Steps 5 to 7: waves, a problem that stops the campaign, a person who decides, and an outcome."""

import json
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from handrail import cli_card, cli_case, cli_results
from handrail.case_views import Card, Option
from handrail.cli_terminal import out, percent, short
from handrail.demo_approval import APPROVER
from handrail.demo_stage import DidNotHold, Stage
from handrail.demo_system import DEAD_DOMAIN
from handrail.views import Campaign, Results

ANSWERER = APPROVER
SAMPLES = 8
REASON = {
    "what": "Go on without the failing domain",
    "when": "hard bounces of a wave come from one domain",
    "until": "the list of that domain has been verified anew",
    "why": "The domain no longer takes mail; everybody else is reachable",
}


@dataclass(frozen=True)
class Chosen:
    """What the person decided when the campaign had stopped."""

    option: Option
    before: int
    """Mails that had left by then."""


def first_wave(stage: Stage, campaign: UUID) -> None:
    """Mail leaves, as approved, until the monitor has judged the wave."""
    watcher = stage.person("maya")

    def launched() -> int | None:
        work = watcher.campaign(campaign)
        return work.sending.waves.get(1) if work.sending else None

    size = stage.until("the executor verifies the signed grant", launched, 30)

    def left() -> Campaign | None:
        work = watcher.campaign(campaign)
        wave = work.effects.get(1, {})
        ended = wave and not wave.get("dispatched") and (work.halted or not wave.get("planned"))
        return work if ended else None

    def so_far() -> str:
        return f"{watcher.campaign(campaign).effects.get(1, {}).get('succeeded', 0)} of {size} accepted"

    wave = stage.until(f"sending the first wave of {size}", left, 60, so_far).effects[1]
    sent = wave.get("succeeded", 0)
    world = stage.outside.seen()
    stage.holds(
        sent and world["mails"] == sent, f"{sent} of the first wave of {size} have left, and are in the world's ledger"
    )
    stage.holds(not world["dkim_failed"], "every one carries a DKIM signature that holds")
    stage.holds(not world["without_one_click"], "every one carries the signed one-click headers of RFC 8058")
    stage.holds(
        world["most_mails_to_one_recipient"] == 1, f"{world['recipients']} recipients, nobody got more than one mail"
    )


def problem(stage: Stage, campaign: UUID) -> Chosen:
    """The monitor fires, the executor halts, a person chooses; then the others get their mail."""
    ana = stage.person(ANSWERER)

    def asked() -> Card | None:
        found = [one for one in ana.cases() if one.campaign_id == campaign and one.kind == "trigger"]
        return found[0] if found and len(found[0].options) >= 3 else None

    def so_far() -> str:
        waves = ana.results(campaign).waves
        return f"{waves[0].reported} of {waves[0].sent} reported, {waves[0].bounced_hard} bounced" if waves else ""

    case = stage.until("the world reports", asked, 60, so_far)
    waves = ana.results(campaign).waves
    out().print(cli_results.waves(waves))
    first = waves[0]
    worst = max(first.bounced_by_domain.items(), key=lambda one: one[1], default=("", 0))
    stage.holds(
        worst[0] == DEAD_DOMAIN,
        f"{percent(first.hard_bounce_rate)} hard bounces, {worst[1]} of {first.bounced_hard} at {worst[0]}",
    )
    work = ana.campaign(campaign)
    stage.holds(work.halted, "the executor halted at once, without asking anybody")
    out().print(cli_card.card(ana.case(case.case_id)))
    before = int(stage.outside.seen()["mails"])
    option = _answer(stage, case)
    _rest(stage, campaign, option)
    _judge(stage, campaign, Chosen(option, before))
    return Chosen(option, before)


def outcome(stage: Stage, campaign: UUID) -> Results:
    """The window closes, and every promise is met or missed."""
    watcher = stage.person("maya")

    def closed() -> Results | None:
        found = watcher.results(campaign)
        running = [clock for clock in found.clocks if clock.state == "running"]
        return found if watcher.campaign(campaign).finished and not running else None

    def so_far() -> str:
        found = watcher.results(campaign)
        return f"{found.counted} demos booked so far, outcome {found.outcome}"

    found = stage.until("the outcome's window closes", closed, 90, so_far)
    totals, work = found.totals, watcher.campaign(campaign)
    out().print(
        f"  {totals.sent} sent, {totals.delivered} delivered, {totals.bounced_hard} bounced, {totals.clicked} clicked, "
        f"{totals.complained} complained"
    )
    out().print(
        f"  opened by {totals.opened_by_people} people and {totals.opened_by_machines} machines: opens decide nothing"
    )
    target = watcher.plan(campaign)
    stage.holds(
        found.outcome == "verified",
        f"outcome verified: {found.counted} demos booked by people who got a mail ({target.name})",
    )
    stage.holds(work.finished == "completed", f"campaign {work.finished}, stage {work.stage}")
    out().print(cli_results.clocks(found.clocks))
    missed = [clock.sla for clock in found.clocks if clock.state == "breached"]
    met = sum(clock.state == "met" for clock in found.clocks)
    stage.holds(met + len(missed) == len(found.clocks), f"{met} promises met, {len(missed)} missed" + _listed(missed))
    return found


def _answer(stage: Stage, found: Card) -> Option:
    """Choose an option, and say why: asked of the person who is there, else the demo's own answer."""
    ana = stage.person(ANSWERER)
    case = ana.case(found.case_id)
    proposed = next((one for one in case.options if one.chosen == "resume_without_domain"), case.options[0])
    if stage.asks:
        for number, one in enumerate(case.options, 1):
            out().print("  " + cli_card.option_line(one, number))
        proposed = cli_case.pick(case, None)
        reason = cli_case.reason(
            (None,) * 4, proposed.chosen.replace("_", " "), (REASON["when"], REASON["until"], REASON["why"])
        )
    else:
        reason = REASON
    done = ana.decide(case.case_id, proposed, "approve", reason)
    stage.holds(done.result == "cleared_by_people", f"{ANSWERER} chooses: {proposed.title}")
    if reason:
        out().print(f"  because: {reason['why']} (until {reason['until']})")
    if proposed.chosen == "stop":
        raise DidNotHold("you stopped the campaign: nobody else gets a mail, so there is no outcome to show")
    return proposed


def _rest(stage: Stage, campaign: UUID, option: Option) -> None:
    """Until everybody of the option has been written to; whatever else stops it is asked as well."""
    ana = stage.person(ANSWERER)
    ended: set[UUID] = set()

    def sent() -> bool | None:
        for case in ana.cases():
            new = case.case_id not in ended and case.campaign_id == campaign and case.kind == "trigger"
            if new and len(case.options) >= 2:
                ended.add(case.case_id)
                out().print(cli_card.card(case))
                _answer(stage, case)
        work = ana.campaign(campaign)
        return True if work.stage in ("monitoring", "closed") and not work.halted else None

    def so_far() -> str:
        return f"{ana.campaign(campaign).settled('succeeded')} mails accepted"

    stage.until(f"sending to the other {option.recipients}", sent, 120, so_far)


def _judge(stage: Stage, campaign: UUID, chosen: Chosen) -> None:
    """What left, as the world holds it against what was approved."""
    ana = stage.person(ANSWERER)
    work = ana.campaign(campaign)
    world = stage.outside.seen()
    lines = [json.loads(line) for line in stage.outside.ledger(stage.home).read_text().splitlines()]
    accepted, skipped = work.settled("succeeded"), work.settled("skipped")
    stage.holds(
        world["mails"] == len(lines) == accepted, f"{accepted} mails accepted, {len(lines)} in the world's ledger"
    )
    per_person = Counter(line["recipient"] for line in lines)
    stage.holds(max(per_person.values()) == 1, f"{len(per_person)} people got exactly one mail")
    late = [line for line in lines[chosen.before :] if line["domain"] == DEAD_DOMAIN]
    if chosen.option.chosen == "resume_without_domain":
        stage.holds(not late, f"after the decision none went to {DEAD_DOMAIN}")
    stage.holds(
        len(lines) - chosen.before + skipped >= chosen.option.recipients,
        f"the other {len(lines) - chosen.before} got theirs"
        + (f", {skipped} were left out for a reason of their own" if skipped else ""),
    )
    stage.holds(
        not world["dkim_failed"] and not world["without_one_click"], "each signed, each with the one-click way out"
    )
    if world["unsubscribed"]:
        stage.holds(not world["unsubscribe_failed"], f"{world['unsubscribed']} people left over the link in their mail")
    after = lines[chosen.before :]
    samples = after[:: max(1, len(after) // SAMPLES)]
    same = all(
        ana.preview(campaign, chosen.option.content_hash, recipient=line["recipient_hash"]).digest == line["digest"]
        for line in samples
    )
    stage.holds(
        same,
        f"{len(samples)} mails spread over the send read exactly as approved in {short(chosen.option.content_hash)}",
    )


def _listed(names: list[str]) -> str:
    return f": {', '.join(name.replace('_', ' ') for name in names)}" if names else ""
