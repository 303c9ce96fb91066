"""The executor's database is lost under load and comes back from a backup; people look at what was halted, and go on.

As docs/runbooks/operations/recover.md says. What left since the backup is known from the journals and from Kafka, so
nothing may leave twice; what a restored database cannot know is not judged (`NEEDS_WHAT_IS_LOST`).
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from handrail.local import environment
from handrail.local.backups import dump, restore
from tests.proof.campaigns import Campaign
from tests.proof.people import KIM, MAYA, SAM
from tests.proof.run import Proof

FLOWS_SECONDS = (6.0, 12.0)
"""Before a backup, and from there to the loss."""
RECOVER_SECONDS = 240
LOOKS = 60
LOOK_SECONDS = 0.5
REASON = "looked at"
EXECUTOR = "executor"
NEEDS_WHAT_IS_LOST = ("09_", "10_", "12_", "17_")
"""By when an intent was first dispatched; by sums that a restore makes stricter; by intents of which nothing left."""


async def lose(proof: Proof) -> None:
    """`count` times."""
    chance, system = proof.chance, proof.place.system
    file = system.home / "executor.dump"
    for nth in range(proof.count):
        await asyncio.sleep(chance.uniform(*FLOWS_SECONDS))
        await asyncio.to_thread(dump, system.dsn(EXECUTOR), file)
        proof.say("a backup")
        await asyncio.sleep(chance.uniform(*FLOWS_SECONDS))
        await proof.something_leaves()
        if proof.time_is_over:
            return
        async with proof.supervisor.hands_off:
            await asyncio.to_thread(_recover, proof, file)
        proof.note("the executor's database came back from a backup")
        await _looked_at(proof, nth)


def _recover(proof: Proof, file: Path) -> None:
    system = proof.place.system
    mine = [name for name in proof.place.urls if name.startswith(EXECUTOR)]
    for name in mine:
        system.processes.kill(name)
    restore(system.dsn(EXECUTOR), file)
    told = environment.load(system.home)[f"{EXECUTOR}-0"]
    argv = [sys.executable, "-m", EXECUTOR, "recover"]
    done = subprocess.run(argv, env={**os.environ, **told}, capture_output=True, text=True, timeout=RECOVER_SECONDS)
    if done.returncode:
        raise RuntimeError(f"the executor does not recover: {done.stdout}{done.stderr}")
    proof.say(done.stdout.strip())
    for name in mine:
        system.processes.restart(name)
    system.await_ready(*mine)


async def _looked_at(proof: Proof, nth: int) -> None:
    """Lists are imported again and the switch is released; what was halted goes on, or is given up."""
    stream = proof.stream
    begun = [stream.make(number) for number in range(stream.begun)]
    for campaign in begun:
        path = f"/v1/audiences/{campaign.audience}"
        key = campaign.key(f"again-{nth}")
        await stream.doors.ask(MAYA, EXECUTOR, "PUT", path, key=key, raw=campaign.contacts())
    for who in (SAM, KIM):
        body = {"engaged": False, "reason": REASON}
        key = f"restored-{nth}-{who.subject}"
        await stream.doors.ask(who, EXECUTOR, "PUT", "/v1/kill-switches/tenant", key=key, json=body)
    await asyncio.gather(*(_go_on(proof, campaign, nth) for campaign in begun))


async def _go_on(proof: Proof, campaign: Campaign, nth: int) -> None:
    """A person resumes it and people approve what is left, or it is cancelled; what is not halted goes on by itself."""
    doors, desk = proof.stream.doors, proof.stream.desk
    path = f"/v1/campaigns/{campaign.id}"
    state = await doors.get(SAM, EXECUTOR, path)
    if state is None or state["finished"] or not state["halted"]:
        return
    verb = campaign.chance(f"restored-{nth}").choice(("resume", "cancel"))
    key = campaign.key(f"{verb}-{nth}")
    await doors.ask(MAYA, EXECUTOR, "POST", f"{path}/{verb}", key=key, json={"reason": REASON})
    for look in range(LOOKS):
        state = await doors.get(SAM, EXECUTOR, path)
        if state is None or state["finished"] or not state["halted"]:
            return
        if (case := desk.find(campaign.id, "approval") or desk.find(campaign.id, "trigger")) is not None:
            await desk.choose(case, case["options"][0], campaign.key(f"restored-{nth}-{look}"))
        await asyncio.sleep(LOOK_SECONDS)
    await doors.ask(MAYA, EXECUTOR, "POST", f"{path}/cancel", key=campaign.key(f"end-{nth}"), json={"reason": REASON})
