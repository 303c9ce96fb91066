"""A process that sends one wave, made to be killed: `python -m tests.executor_effects.sender`."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

import asyncpg

from chassis.crashpoints import arm
from chassis.decision import Key
from chassis.postgres import Database
from contracts.event import CampaignId
from executor.effects import Dispatch
from handrail.keys import Keys
from tests.builders import TENANT, plan_issued
from tests.executor_effects.campaigns import Send, dispatcher
from tests.executor_effects.outside import Doors, drive, tools


async def main() -> None:
    env = os.environ
    key = Key(TENANT, CampaignId(UUID(env["SENDER_CAMPAIGN"])))
    send = Send(key, Dispatch.model_validate_json(env["SENDER_TASK"]), (), plan_issued())
    folder, keys = Path(env["SENDER_FOLDER"]), Keys(Path(env["SENDER_KEYS"]))
    doors = Doors(int(env["SENDER_SMTP"]), int(env["SENDER_API"]), keys.folder)
    arm(Path(env["SENDER_CRASHES"]), "executor")
    async with asyncpg.create_pool(env["SENDER_DSN"], min_size=1, max_size=8) as pool:
        one = dispatcher(Database(pool, "executor"), 0, folder, keys, tools=tools(doors, keys))
        await drive(one, send)


if __name__ == "__main__":
    asyncio.run(main())
