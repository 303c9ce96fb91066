"""One whole campaign, for real, in eight steps. Every number that is printed was read back from a service."""

import signal
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from handrail import demo_approval, demo_proof, demo_sending
from handrail.cli_identity import examples
from handrail.cli_terminal import REFUSED, USAGE, Failure, interactive, out, progress
from handrail.demo_stage import DidNotHold, Stage
from handrail.demo_system import Outside, build
from handrail.local.environment import SERVICES
from handrail.local.status import Status, status
from handrail.local.system import System

READY_SECONDS = 30.0


def run(home: Path, seed: int, keep: bool) -> None:
    """Tell the story; whatever was started is stopped at the end, however it ends."""
    folder = examples()
    if folder is None:
        raise Failure("the examples are not here: run it in the checkout", USAGE)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    began = time.monotonic()
    outside = Outside.local(seed)
    with progress("starting") as say:
        system, public_url = build(home, folder / "organisation.yaml", folder / "people.yaml", outside, say)
        system.start()
    stage = Stage(system, outside, folder / "webinar-follow-up", began)
    stays = keep
    try:
        outside.start(system, public_url)
        _tell(stage)
        if interactive() and not keep:
            out().print("Everything stays up: look around. Ctrl-C stops it.")
            with suppress(KeyboardInterrupt):
                signal.pause()
    except DidNotHold as claim:
        stays = False
        logs = f" (logs in {system.home / 'logs'})"
        raise Failure(f"step {stage.step_number}, {stage.step_title}, did not hold: {claim}{logs}", REFUSED) from claim
    except BaseException:
        stays = False
        raise
    finally:
        stage.close()
        if stays:
            out().print(f"Everything stays up: handrail down --home {home}")
        else:
            with progress("stopping"):
                system.stop()


def _tell(stage: Stage) -> None:
    with stage.step("Kafka, PostgreSQL, six services, and a world outside"):
        _all_up(stage, stage.system)
    with stage.step("A brief goes in"):
        made = demo_approval.hand_in(stage)
    campaign = made.campaign_id
    with stage.step("The executor prepares, and proposes"):
        case = demo_approval.prepare(stage, campaign)
    with stage.step("A person decides"):
        demo_approval.approve(stage, case)
    with stage.step("The first wave"):
        demo_sending.first_wave(stage, campaign)
    with stage.step("A problem stops it, and a person sets it going again"):
        chosen = demo_sending.problem(stage, campaign)
    with stage.step("The outcome, against what was promised"):
        demo_sending.outcome(stage, campaign)
    with stage.step("Why, and the proof"):
        demo_proof.prove(stage, campaign, chosen)
        demo_proof.towers_table(stage, campaign)
    out().print(f"[bold green]All eight steps held[/] in {time.monotonic() - stage.began:.0f} s.")


def _all_up(stage: Stage, system: System) -> None:
    def all_ready() -> list[Status] | None:
        found = status(system.home)
        return found if set(SERVICES) <= {each.name.rpartition("-")[0] for each in found if each.ready} else None

    found = stage.until("the services get ready", all_ready, READY_SECONDS)
    stage.holds(found, f"{len(SERVICES)} services are ready: {', '.join(SERVICES)}")
    pids = {each.pid for each in found}
    stage.holds(len(pids) == len(found), f"{len(found)} processes: {', '.join(each.name for each in found)}")
    resident = [each.resident_bytes / 2**20 for each in found if each.name.rpartition("-")[0] in SERVICES]
    out().print(f"  resident memory per service {min(resident):.0f} to {max(resident):.0f} MB")
    fresh = not stage.person("maya").campaigns()
    stage.holds(fresh, f"fresh databases and topics: no campaign yet; Kafka at {system.infrastructure.kafka}")
    stage.holds(stage.outside.seen()["mails"] == 0, "the world outside waits for mail, and has received none")


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
