"""Known-bad builds: each breaks one promise in one place, and names the test that must notice.

`now` must stand exactly once in `file`; a build whose text is gone tells nothing any more, and fails in CI.
"""

from dataclasses import dataclass

CHASSIS = "libs/chassis/src/chassis"
CONTRACTS = "libs/contracts/src/contracts"
EXECUTOR = "services/executor/src/executor"
ESCALATION = "services/escalation/src/escalation"
READ_AHEAD = "tests/chassis/test_read_ahead.py::"
BOUNDARIES = "tests/chassis/test_boundaries.py::"
CONSUMER = "tests/chassis/test_consumer.py::"
PRUNING = "tests/chassis/test_pruning.py::"
RETENTION = "tests/chassis/test_retention.py::"
GUARD = "tests/executor_effects/test_guard.py::"
SENDING = "tests/executor_effects/test_sending.py::"
RECOVERY = "tests/executor_effects/test_recovery.py::"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One sabotage: what is broken, where, and the test that catches it."""

    name: str
    breaks: str
    file: str
    now: str
    then: str
    caught_by: str


BUILDS = (
    Build(
        name="acknowledge before commit",
        breaks="a batch whose process dies before its commit is lost",
        file=f"{CHASSIS}/consumer.py",
        now="            applying = asyncio.create_task(self._apply_polled(batch))\n",
        then="            await self._assignment.commit(held[: len(batch)], kafka)\n"
        "            applying = asyncio.create_task(self._apply_polled(batch))\n",
        caught_by=f"{BOUNDARIES}test_a_service_ended_at_any_boundary_loses_nothing_and_doubles_nothing",
    ),
    Build(
        name="offsets committed for all that was fetched",
        breaks="what is fetched and not yet applied is skipped after a restart",
        file=f"{CHASSIS}/assignment.py",
        now="            await kafka.commit(mine)\n",
        then="            await kafka.commit(await kafka.end_offsets(list(mine)))\n",
        caught_by=f"{BOUNDARIES}test_a_service_ended_at_any_boundary_loses_nothing_and_doubles_nothing",
    ),
    Build(
        name="what was read ahead is not given back",
        breaks="a batch that was read while the one before it failed is never applied",
        file=f"{CHASSIS}/consumer.py",
        now="            self._assignment.give_back(held, kafka)\n            self._pause",
        then="            self._assignment.give_back(held[: self.max_records], kafka)\n            self._pause",
        caught_by=f"{READ_AHEAD}test_a_batch_that_fails_is_given_back_with_what_was_read_ahead",
    ),
    Build(
        name="a poll while partitions change hands",
        breaks="a rebalance and the batch in hand wait for each other",
        file=f"{CHASSIS}/consumer.py",
        now="        if self._assignment.changes > changes:  # a poll",
        then="        if self._assignment.changes < changes:  # a poll",
        caught_by=f"{READ_AHEAD}test_a_rebalance_that_begins_before_the_next_poll_waits_for_one_batch_and_loses_nothing",
    ),
    Build(
        name="cursor outbox",
        breaks="an event whose transaction commits late is never sent",
        file=f"{CHASSIS}/relay.py",
        now=" WHERE sent_at IS NULL AND shard = ANY($1::smallint[])\n",
        then=" WHERE sent_at IS NULL AND shard = ANY($1::smallint[])\n"
        "   AND id > coalesce((SELECT max(id) FROM event_log WHERE sent_at IS NOT NULL), 0)\n",
        caught_by=f"{BOUNDARIES}test_what_commits_late_is_sent_too",
    ),
    Build(
        name="marked before it is sent",
        breaks="an event that Kafka never acknowledged counts as sent",
        file=f"{CHASSIS}/relay.py",
        now="            crashpoint(Point.RELAY_SEND)\n",
        then="            async with self.db.pool.acquire() as early:\n"
        '                await early.execute(_SENT, [row["id"] for row in rows])\n'
        "            crashpoint(Point.RELAY_SEND)\n",
        caught_by=f"{BOUNDARIES}test_a_service_ended_at_any_boundary_loses_nothing_and_doubles_nothing",
    ),
    Build(
        name="missing claim",
        breaks="a redelivered event is applied again",
        file=f"{CHASSIS}/fold.py",
        now="for (raw, fact), first in zip(facts, claimed, strict=True) if first]",
        then="for (raw, fact), first in zip(facts, claimed, strict=True)]",
        caught_by=f"{CONSUMER}test_a_batch_read_again_changes_nothing",
    ),
    Build(
        name="campaign lock left out",
        breaks="two replicas that meet a campaign at once lose one's decision",
        file=f"{CHASSIS}/postgres.py",
        now="           FOR UPDATE) AS locked\n",
        then="           ) AS locked\n",
        caught_by=f"{CONSUMER}test_two_replicas_that_meet_a_campaign_at_once_count_every_step",
    ),
    Build(
        name="sequence shared between topics",
        breaks="a reader of one topic sees gaps that mean nothing",
        file=f"{CHASSIS}/event_log.py",
        now="        return one.cause.tenant, one.event.topic, one.cause.campaign_id\n",
        then='        return one.cause.tenant, "all", one.cause.campaign_id\n',
        caught_by=f"{CONSUMER}test_each_topic_counts_for_itself",
    ),
    Build(
        name="held record claimed",
        breaks="what waits behind a dead letter is taken for a duplicate when it is driven again",
        file=f"{CHASSIS}/fold.py",
        now='                await dead_letters.keep(tx, one.raw, dead_letters.BEHIND, "behind an earlier one", key)\n',
        then="                await tx.claim([one.fact.meta.event_id])\n"
        '                await dead_letters.keep(tx, one.raw, dead_letters.BEHIND, "behind an earlier one", key)\n',
        caught_by=f"{CONSUMER}test_what_waited_behind_a_dead_letter_is_applied_in_order_once_the_bug_is_mended",
    ),
    Build(
        name="pruned as it was looked at",
        breaks="an event that a replay makes unsent meanwhile goes and is never said",
        file=f"{CHASSIS}/pruning.py",
        now="""    SELECT id, logged_at FROM event_log WHERE id > $1 ORDER BY id LIMIT {BATCH}
), gone AS (
    DELETE FROM event_log AS e USING page
     WHERE e.id = page.id AND e.logged_at < $2 AND e.sent_at < $3 AND e.topic = ANY($4::text[])
""",
        then="""    SELECT id, logged_at, sent_at, topic FROM event_log WHERE id > $1 ORDER BY id LIMIT {BATCH}
), gone AS (
    DELETE FROM event_log AS e USING page AS e2
     WHERE e.id = e2.id AND e2.logged_at < $2 AND e2.sent_at < $3 AND e2.topic = ANY($4::text[])
""",
        caught_by=f"{PRUNING}test_an_event_that_is_made_unsent_while_it_goes_stays",
    ),
    Build(
        name="a reader nobody heard of has read",
        breaks="what a reader that was never there has not read goes",
        file=f"{CHASSIS}/horizon.py",
        now="committed[group].get(partition, 0) < end",
        then="committed[group].get(partition, end) < end",
        caught_by=f"{RETENTION}test_an_event_waits_for_each_of_its_readers",
    ),
    Build(
        name="claims forgotten by age alone",
        breaks="a group that is sent back to the first record does again what it has forgotten",
        file=f"{CHASSIS}/retention.py",
        now="            before = min(before, oldest - self.retention.log)\n",
        then="            before = max(before, oldest - 10 * self.retention.met)\n",
        caught_by=f"{RETENTION}test_a_claim_outlives_its_record_on_kafka",
    ),
    Build(
        name="replay without a limit",
        breaks="readers are told again what they have forgotten, and do it twice",
        file=f"{CHASSIS}/replay.py",
        now="    span = await within(db, span, most)\n",
        then="    span = await within(db, span, None)\n",
        caught_by=f"{RETENTION}test_a_replay_leaves_out_what_is_too_old",
    ),
    Build(
        name="parking left out",
        breaks="a later event of a campaign overtakes one that failed",
        file=f"{CHASSIS}/fold.py",
        now="            elif one.raw.inbound or key not in parked:\n",
        then="            elif one.raw.inbound or key not in parked or True:\n",
        caught_by=f"{CONSUMER}test_a_failing_event_holds_back_its_own_campaign_only",
    ),
    Build(
        name="dead letter re-encoded",
        breaks="what could not be read is kept as something else",
        file=f"{CHASSIS}/dead_letters.py",
        now="raw.key, raw.flat_headers, raw.value, raw.sha256,",
        then='raw.key, raw.flat_headers, (raw.value or b"").decode(errors="replace").encode(), raw.sha256,',
        caught_by=f"{CONSUMER}test_an_undecodable_record_is_kept_byte_for_byte_and_the_rest_flows",
    ),
    Build(
        name="unfenced lease",
        breaks="the result of a task counts although another worker has taken it over",
        file=f"{CHASSIS}/tasks.py",
        now='_HELD = "SELECT 1 FROM task WHERE id = $1 AND lease = $2 AND done_at IS NULL FOR UPDATE"\n',
        then='_HELD = "SELECT 1 FROM task WHERE id = $1 AND $2::uuid IS NOT NULL FOR UPDATE"\n',
        caught_by="tests/chassis/test_tasks.py::test_a_result_that_comes_after_its_lease_changes_nothing",
    ),
    Build(
        name="a lease that nobody lengthens",
        breaks="work that takes longer than its lease is done by two at once, and never counts",
        file=f"{CHASSIS}/tasks.py",
        now="        while held:\n",
        then="        while not held:\n",
        caught_by="tests/chassis/test_tasks.py::test_nobody_takes_over_from_a_worker_that_works",
    ),
    Build(
        name="in another's hand, so forgotten",
        breaks="a mail that a dying process had in hand when its campaign halted is never settled and never told",
        file=f"{EXECUTOR}/sending/told.py",
        now="   AND (state = 'dispatched' OR (state = 'planned' AND lost_at IS NOT NULL))\n",
        then="   AND state = 'planned' AND lost_at IS NOT NULL\n",
        caught_by="tests/executor_effects/test_recovery.py::test_a_halt_forgets_nobody_whom_another_process_has_in_hand",
    ),
    Build(
        name="timer by the process's clock",
        breaks="a deadline fires early where a clock is wrong",
        file=f"{CHASSIS}/tasks.py",
        now="     WHERE t.done_at IS NULL AND t.due_at <= clock_timestamp()\n",
        then="     WHERE t.done_at IS NULL AND t.due_at <= clock_timestamp() + interval '1 hour'\n",
        caught_by="tests/chassis/test_tasks.py::test_a_deadline_comes_back_when_due_and_not_before",
    ),
    Build(
        name="command answered twice",
        breaks="a repeated request is decided again",
        file=f"{CHASSIS}/commands.py",
        now="            if known := await tx.conn.fetchrow(_KNOWN, cause):\n",
        then="            if (known := await tx.conn.fetchrow(_KNOWN, cause)) and False:\n",
        caught_by="tests/chassis/test_tasks.py::test_a_command_with_the_same_key_is_answered_alike",
    ),
    Build(
        name="duplicate keys read as the last one",
        breaks="two parsers read one record differently",
        file=f"{CONTRACTS}/strict.py",
        now="    if len(out) != len(pairs):\n",
        then="    if len(out) > len(pairs):\n",
        caught_by="tests/contracts/test_codec.py::test_json_that_parsers_disagree_about_is_refused",
    ),
    Build(
        name="signature over the value alone",
        breaks="a grant moved to another campaign still verifies",
        file=f"{CONTRACTS}/codec.py",
        now='        if name.startswith("ce_") and name != "ce_signature":\n',
        then='        if name == "ce_keyid":\n',
        caught_by="tests/contracts/test_codec.py::test_what_is_signed_covers_every_attribute_and_the_value",
    ),
    Build(
        name="boolean approval",
        breaks="what is sent is not what was approved",
        file=f"{EXECUTOR}/domain/granting.py",
        now="    if grant.content_hash != proposal.action.content_hash:\n",
        then="    if not grant.content_hash:\n",
        caught_by="tests/executor_effects/test_forged_grants.py::test_no_forged_grant_is_taken_and_each_leaves_a_trace",
    ),
    Build(
        name="grant believed without its signature",
        breaks="whoever can write to Kafka can approve",
        file=f"{EXECUTOR}/domain/granting.py",
        now="    if signature is not Signature.VALID:\n",
        then="    if signature is Signature.INVALID:\n",
        caught_by="tests/executor_effects/test_forged_grants.py::test_no_forged_grant_is_taken_and_each_leaves_a_trace",
    ),
    Build(
        name="grant not consumed",
        breaks="one approval begins two sends",
        file=f"{EXECUTOR}/sending/sends.py",
        now=" WHERE (tenant, grant_id) = ($1, $2) AND consumed_at IS NULL\nRETURNING grant_id\n",
        then=" WHERE (tenant, grant_id) = ($1, $2) AND consumed_at IS NULL AND false\nRETURNING grant_id\n",
        caught_by=f"{GUARD}test_a_grant_is_used_once",
    ),
    Build(
        name="revoked grant still good",
        breaks="a send goes on after its approval was taken back",
        file=f"{EXECUTOR}/sending/sends.py",
        now='        if grant["revoked_at"] is not None:\n',
        then='        if grant["revoked_at"] is not None and grant["consumed_at"] is None:\n',
        caught_by=f"{GUARD}test_a_revoked_grant_stops_the_rest",
    ),
    Build(
        name="hash over less than what is sent",
        breaks="the html part can change after approval",
        file=f"{EXECUTOR}/preparing/drafts.py",
        now="        return digest(self.subject, self.text, self.html)\n",
        then="        return digest(self.subject, self.text)\n",
        caught_by=f"{GUARD}test_a_mail_changed_after_the_first_wave_is_refused",
    ),
    Build(
        name="cached kill switch",
        breaks="mails of a batch in hand leave after the stop",
        file=f"{EXECUTOR}/sending/guard.py",
        now="NOT engaged) < cardinality($5)\n",
        then="NOT engaged) < 0\n",
        caught_by=f"{SENDING}test_what_is_stopped_between_guard_and_send_does_not_leave",
    ),
    Build(
        name="missing kill switch counts as released",
        breaks="a campaign without its rows is not held",
        file=f"{EXECUTOR}/sending/guard.py",
        now="    if await kill_switch.engaged(conn, key):\n",
        then="    if await conn.fetchval(\n"
        '        "SELECT count(*) FROM kill_switch WHERE scope = ANY($1) AND engaged", kill_switch.scopes_of(key)\n'
        "    ):\n",
        caught_by=f"{GUARD}test_no_to_all",
    ),
    Build(
        name="fence ignored",
        breaks="a dispatch from before a halt goes on after it",
        file=f"{EXECUTOR}/sending/guard.py",
        now='    if guard["fence"] != task.fence:\n',
        then='    if guard["fence"] < 0:\n',
        caught_by=f"{GUARD}test_a_stale_task_does_nothing",
    ),
    Build(
        name="suppression not read before each mail",
        breaks="somebody who left while a batch was in hand gets one more mail",
        file=f"{EXECUTOR}/sending/guard.py",
        now="WHEN EXISTS (SELECT 1 FROM suppression WHERE (tenant, recipient_hash) = ($1, $8)) THEN 'suppressed'\n",
        then="WHEN $1 = '' AND $8 = '' THEN 'suppressed'\n",
        caught_by=f"{SENDING}test_what_is_stopped_between_guard_and_send_does_not_leave",
    ),
    Build(
        name="budget not a condition",
        breaks="two waves spend the same money",
        file=f"{EXECUTOR}/sending/guard.py",
        now=" WHERE (tenant, campaign_id) = ($1, $2) AND spent + $3 <= $4 RETURNING spent\n",
        then=" WHERE (tenant, campaign_id) = ($1, $2) AND $4::bigint > 0 RETURNING spent\n",
        caught_by=f"{GUARD}test_the_budget_is_a_hard_limit",
    ),
    Build(
        name="journal skipped",
        breaks="after a crash nobody knows what may have left",
        file=f"{EXECUTOR}/sending/dispatch.py",
        now="        self.journal.begin(one.intent)\n",
        then="",
        caught_by=f"{RECOVERY}test_a_killed_sender_sends_nothing_twice_and_forgets_nobody",
    ),
    Build(
        name="call then record",
        breaks="a mail that left is not in the journal when its process dies",
        file=f"{EXECUTOR}/sending/dispatch.py",
        now="        self.journal.begin(one.intent)\n"
        "        crashpoint(DispatchPoint.REPEATED if one.lost else DispatchPoint.BEGUN)\n"
        "        answer = await line.send(one.effect_id, one.address, body)\n",
        then="        answer = await line.send(one.effect_id, one.address, body)\n"
        "        self.journal.begin(one.intent)\n",
        caught_by=f"{RECOVERY}test_a_killed_sender_sends_nothing_twice_and_forgets_nobody",
    ),
    Build(
        name="record then call",
        breaks="a mail that never left counts as sent when its process dies",
        file=f"{EXECUTOR}/sending/dispatch.py",
        now="        crashpoint(DispatchPoint.REPEATED if one.lost else DispatchPoint.BEGUN)\n",
        then='        self.journal.end(one.effect_id, "succeeded", "accepted")\n'
        "        crashpoint(DispatchPoint.REPEATED if one.lost else DispatchPoint.BEGUN)\n",
        caught_by=f"{RECOVERY}test_a_killed_sender_sends_nothing_twice_and_forgets_nobody",
    ),
    Build(
        name="lost answer sent again by a tool without a key",
        breaks="somebody gets the same mail twice",
        file=f"{EXECUTOR}/sending/outcomes.py",
        now="        case Idempotency.NONE:\n            return Move.ASK\n",
        then="        case Idempotency.NONE:\n            return Move.REPEAT\n",
        caught_by="tests/executor_effects/test_outcomes.py"
        "::test_a_lost_answer_is_asked_for_again_looked_up_or_left_to_people",
    ),
    Build(
        name="one person counts as two",
        breaks="a decision that needs two people is one person's",
        file=f"{ESCALATION}/domain/cases.py",
        now="        return Reason.ALREADY_VOTED\n",
        then="        pass\n",
        caught_by="tests/escalation/test_decide.py",
    ),
    Build(
        name="agent may approve",
        breaks="nobody accountable approved it",
        file=f"{ESCALATION}/domain/cases.py",
        now="    if not actor.human:\n        return Reason.NOT_A_PERSON\n",
        then="",
        caught_by="tests/escalation",
    ),
    Build(
        name="author may approve",
        breaks="the person who wrote the plan approves it alone",
        file=f"{ESCALATION}/domain/cases.py",
        now="    if author is not None and actor.subject == author:\n        return Reason.OWN_WORK\n",
        then="",
        caught_by="tests/escalation/test_decide.py",
    ),
    Build(
        name="expired case still open",
        breaks="a case is both expired and approved",
        file=f"{ESCALATION}/domain/cases.py",
        now="    if case.status is not Status.OPEN or (now is not None and now >= case.deadline):\n",
        then="    if case.status is Status.RESOLVED:\n",
        caught_by="tests/escalation",
    ),
    Build(
        name="audit chain without its anchor",
        breaks="a record can be taken out without a trace",
        file=f"{CONTRACTS}/audit.py",
        now='sequence_no.to_bytes(8, "big", signed=True) + previous + record_body',
        then='sequence_no.to_bytes(8, "big", signed=True) + record_body',
        caught_by="tests/contracts/test_audit.py::test_each_link_holds_all_before_it",
    ),
)
