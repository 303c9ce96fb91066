"""Makes the SLA dashboard in Grafana's classic schema: `python deploy/grafana/sla.py` writes sla.json beside it.

Change the dashboard here and never there: a test compares the two.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TARGET = Path(__file__).with_name("sla.json")
UID = "handrail-sla"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, STAT_HEIGHT, CHART_HEIGHT = 24, 4, 8
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"

Json = dict[str, object]


@dataclass(frozen=True)
class Query:
    """PromQL, and what its line is called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture that answers one question."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["stat", "timeseries"] = "timeseries"
    thresholds: tuple[tuple[float | None, str], ...] = ((None, BLUE),)
    """From which value which colour; the first begins at None."""
    stacked: bool = False
    least: float | None = 0
    most: float | None = None


@dataclass(frozen=True)
class Row:
    """Panels under one headline, side by side."""

    title: str
    panels: tuple[Panel, ...]


def promise(title: str, description: str, expr: str, at_least: float) -> Panel:
    """The share of promises kept, against what is promised."""
    return Panel(
        title,
        description,
        "percentunit",
        (Query(expr),),
        kind="stat",
        thresholds=((None, RED), (at_least, GREEN)),
        most=1,
    )


def kept(sla: str) -> str:
    return f'sla:handrail_sla_met:ratio28d{{sla="{sla}"}}'


def quantile(share: float, metric: str, by: str = "") -> str:
    inner = f"sum by (le{by and ', ' + by}) (rate({metric}_bucket[$__rate_interval]))"
    return f"histogram_quantile({share}, {inner})"


SLAS = Row(
    "SLAs, 28 days",
    (
        promise(
            "Response time",
            "Briefs on which work began within 15 minutes of their receipt; 99 % are promised.",
            'sum(increase(handrail_brief_response_seconds_bucket{le="900.0"}[28d]))'
            " / (sum(increase(handrail_brief_response_seconds_count[28d])) > 0)",
            0.99,
        ),
        promise("Completion", "Campaigns completed by their deadline; 97 % are promised.", kept("completion"), 0.97),
        promise("Draft time", "First drafts complete within two hours; 99 % are promised.", kept("draft_time"), 0.99),
        promise("QA pass rate", "Campaigns whose checks passed as promised; 95 %.", kept("qa_pass_rate"), 0.95),
        promise("Quality", "Campaigns that kept their promise of quality; 95 % are promised.", kept("quality"), 0.95),
        Panel(
            "Exception rate",
            "Overrides, refusals, halts and waivers of the last day, of all decisions; at most 5 % is promised.",
            "percentunit",
            (Query("system:handrail_exceptions:ratio1d"),),
            kind="stat",
            thresholds=((None, GREEN), (0.05, RED)),
        ),
        Panel(
            "First-pass yield",
            "Drafts and launches that passed their gate at the first attempt, the worse of the two, of a week; 95 %.",
            "percentunit",
            (Query("min(gate:handrail_qa_first_pass:ratio7d)"),),
            kind="stat",
            thresholds=((None, RED), (0.95, GREEN)),
            most=1,
        ),
        Panel(
            "Brief that waits longest",
            "Accepted and not begun: 15 minutes are promised. The panel of response times knows only those that began.",
            "s",
            (Query('max(handrail_brief_oldest_waiting_seconds{awaits="work"})'),),
            kind="stat",
            thresholds=((None, GREEN), (600, YELLOW), (900, RED)),
        ),
        Panel(
            "Response time of briefs",
            "From the brief's receipt to the begin of work. The line of the promise is at 15 minutes.",
            "s",
            (
                Query(quantile(0.5, "handrail_brief_response_seconds"), "half"),
                Query(quantile(0.99, "handrail_brief_response_seconds"), "99 of 100"),
            ),
            thresholds=((None, GREEN), (900, RED)),
        ),
        Panel(
            "Promises missed",
            "SLA clocks that ran out, by promise, in each interval.",
            "short",
            (Query('sum by (sla) (increase(handrail_sla_total{result="missed"}[$__rate_interval]))', "{{sla}}"),),
            stacked=True,
        ),
        Panel(
            "Campaigns",
            "In progress by stage, and those that ended in the last 28 days by how they ended.",
            "short",
            (
                Query("max by (stage) (handrail_campaigns_in_progress)", "in {{stage}}"),
                Query("sum by (outcome) (increase(handrail_campaigns_finished_total[28d]))", "{{outcome}}"),
            ),
        ),
        Panel(
            "Outcomes and conversions",
            "The briefs' own success metrics when their windows closed, and contacts who did what was wanted.",
            "short",
            (
                Query("sum by (outcome) (increase(handrail_outcomes_total[28d]))", "outcome {{outcome}}"),
                Query("sum by (goal) (increase(handrail_conversions_total[28d])) > 0", "{{goal}}"),
            ),
        ),
    ),
)
MONEY = Row(
    "Money, and what the outside world tells us",
    (
        Panel(
            "Spent, 28 days",
            "In the reporting currency, less what turned out not to have been spent.",
            "short",
            (
                Query(
                    "sum(increase(handrail_spend_total[28d])) - sum(increase(handrail_spend_corrections_total[28d]))",
                ),
            ),
            kind="stat",
        ),
        Panel(
            "Left in budgets",
            "Of the campaigns that have not ended, in the reporting currency.",
            "short",
            (Query("sum(max by (channel) (handrail_budget_remaining))"),),
            kind="stat",
            least=None,
        ),
        Panel(
            "Most of a budget spent",
            "By the running campaign that spent most of its own; the guard lets nothing leave above 100 %.",
            "percentunit",
            (Query("max(handrail_budget_worst_ratio)"),),
            kind="stat",
            thresholds=((None, GREEN), (0.9, YELLOW), (1.0001, RED)),
        ),
        Panel(
            "Sends stopped by a budget, 28 days",
            "Each halted its campaign until a person decided.",
            "short",
            (Query("sum(increase(handrail_budget_guard_total[28d]))"),),
            kind="stat",
            thresholds=((None, GREEN), (1, YELLOW)),
        ),
        Panel(
            "Silence of sources",
            "For how long each says nothing although something is due: of mails an hour is allowed, of others a day.",
            "s",
            (Query("max by (source) (handrail_signal_age_seconds)", "{{source}}"),),
            thresholds=((None, GREEN), (3600, RED)),
        ),
        Panel(
            "Briefs that wait",
            "For work to begin, or for a person who vouches for them.",
            "short",
            (Query("max by (awaits) (handrail_briefs_waiting)", "for {{awaits}}"),),
            stacked=True,
        ),
    ),
)
PEOPLE = Row(
    "What people are asked",
    (
        Panel(
            "Open cases",
            "Cases that wait for a person now.",
            "short",
            (Query("sum(max by (severity) (handrail_cases_open))"),),
            kind="stat",
            thresholds=((None, GREEN), (1, YELLOW), (10, RED)),
        ),
        Panel(
            "Oldest open case",
            "How long the oldest of them has waited: 15 minutes are promised for critical ones, an hour for high.",
            "s",
            (Query("max(case_severity:handrail_case_oldest_open_seconds:max)"),),
            kind="stat",
            thresholds=((None, GREEN), (900, YELLOW), (3600, RED)),
        ),
        Panel(
            "Decided without people",
            "Proposals of the last day that a rule cleared, of all that were cleared.",
            "percentunit",
            (
                Query(
                    'sum(increase(handrail_decisions_total{mode="auto"}[1d]))'
                    " / (sum(increase(handrail_decisions_total[1d])) > 0)"
                ),
            ),
            kind="stat",
            most=1,
        ),
        Panel(
            "Kill switches engaged",
            "Nothing leaves below an engaged switch.",
            "short",
            (Query("sum(max by (scope) (handrail_kill_switch_engaged))"),),
            kind="stat",
            thresholds=((None, GREEN), (1, RED)),
        ),
        Panel(
            "Open cases by severity",
            "How many wait, over time.",
            "short",
            (Query("max by (severity) (handrail_cases_open)", "{{severity}}"),),
            stacked=True,
        ),
        Panel(
            "Cases opened",
            "By what they ask: an approval, an answer to a trigger, the fate of an uncertain effect.",
            "short",
            (Query("sum by (kind) (increase(handrail_cases_total[$__rate_interval]))", "{{kind}}"),),
            stacked=True,
        ),
        Panel(
            "Approvals",
            "How those asked for ended. Everything approved within seconds is a sign of nobody reading.",
            "short",
            (Query("sum by (decision) (increase(handrail_approvals_total[$__rate_interval]))", "{{decision}}"),),
            stacked=True,
        ),
        Panel(
            "Time to look and to decide",
            "Half of the cases were looked at, and decided by people, within this time.",
            "s",
            (
                Query(quantile(0.5, "handrail_case_ack_seconds"), "looked at"),
                Query(quantile(0.5, "handrail_approval_decision_seconds"), "decided"),
            ),
        ),
        Panel(
            "People told",
            "Notices of cases: sent, failed, or nobody there to tell.",
            "short",
            (Query("sum by (result) (increase(handrail_notifications_total[$__rate_interval]))", "{{result}}"),),
            stacked=True,
        ),
        Panel(
            "People stepping in",
            "What counts as an exception: overrides, refusals, halts and waivers.",
            "short",
            (
                Query("sum by (kind) (increase(handrail_interventions_total[$__rate_interval]))", "{{kind}}"),
                Query("sum by (by) (increase(handrail_halts_total[$__rate_interval]))", "halt by {{by}}"),
                Query("sum(increase(handrail_waivers_total[$__rate_interval]))", "waiver"),
            ),
            stacked=True,
        ),
    ),
)
PIPELINE = Row(
    "Pipeline",
    (
        Panel(
            "Services that answer",
            "Of six; each with at least one replica.",
            "short",
            (Query('count(max by (service) (up{job="handrail"}) == 1)'),),
            kind="stat",
            thresholds=((None, RED), (6, GREEN)),
        ),
        Panel(
            "Oldest unsent event",
            "Age of the oldest event that Kafka has not acknowledged; 30 seconds are promised.",
            "s",
            (Query("max(service:handrail_outbox_oldest_pending_seconds:max)"),),
            kind="stat",
            thresholds=((None, GREEN), (10, YELLOW), (30, RED)),
        ),
        Panel(
            "Dead letters",
            "Records kept because they could not be processed, and not yet driven again.",
            "short",
            (Query("sum(max by (service) (handrail_dead_letters_pending))"),),
            kind="stat",
            thresholds=((None, GREEN), (1, RED)),
        ),
        Panel(
            "Oldest dead letter",
            "How long the oldest of them has waited for somebody.",
            "s",
            (Query("max(handrail_dead_letter_oldest_seconds)"),),
            kind="stat",
            thresholds=((None, GREEN), (1, YELLOW), (14400, RED)),
        ),
        Panel(
            "Uncertain effects, 28 days",
            "Effects whose answer was lost. They are never repeated: evidence or a person settles them.",
            "short",
            (Query('sum(increase(handrail_effects_total{outcome="unknown"}[28d]))'),),
            kind="stat",
            thresholds=((None, GREEN), (1, YELLOW)),
        ),
        Panel(
            "Age of events when handled",
            "From one of our own events to its handling, 99 of 100: the delay that people feel.",
            "s",
            (
                Query(
                    "histogram_quantile(0.99, sum by (le, service) (rate("
                    'handrail_event_age_seconds_bucket{service=~"$service", origin="ours"}[$__rate_interval])))',
                    "{{service}}",
                ),
            ),
        ),
        Panel(
            "Events sent",
            "Acknowledged by Kafka, by service.",
            "cps",
            (
                Query(
                    "sum by (service) "
                    '(rate(handrail_outbox_published_total{service=~"$service", result="sent"}[$__rate_interval]))',
                    "{{service}}",
                ),
            ),
        ),
        Panel(
            "Effects",
            "What became of mails and other effects.",
            "cps",
            (Query("sum by (outcome) (rate(handrail_effects_total[$__rate_interval]))", "{{outcome}}"),),
            stacked=True,
        ),
        Panel(
            "Requests at the doors",
            "By service and class of answer.",
            "reqps",
            (
                Query(
                    "sum by (service, code) "
                    '(rate(handrail_ingress_requests_total{service=~"$service"}[$__rate_interval])) > 0',
                    "{{service}} {{code}}",
                ),
            ),
        ),
        Panel(
            "Records that do not fit their contract",
            "By topic; each is kept as a dead letter.",
            "short",
            (
                Query(
                    "sum by (topic) (increase(handrail_event_validation_failures_total[$__rate_interval])) > 0",
                    "{{topic}}",
                ),
            ),
        ),
        Panel(
            "Late tasks",
            "Deadlines and work due for more than five seconds.",
            "short",
            (
                Query(
                    'max by (service, kind) (handrail_timers_overdue{service=~"$service"}) > 0',
                    "{{service}} {{kind}}",
                ),
            ),
        ),
        Panel(
            "Audit",
            "Records appended, and how long the newest took from its event to the chain.",
            "short",
            (
                Query("sum(increase(handrail_audit_records_total[$__rate_interval]))", "records"),
                Query("max(handrail_audit_lag_seconds)", "seconds to the chain"),
            ),
        ),
    ),
)
ROWS = (SLAS, PEOPLE, MONEY, PIPELINE)


def dashboard(rows: Sequence[Row] = ROWS) -> Json:
    """The whole dashboard, as Grafana imports it."""
    panels: list[Json] = []
    top = 0
    for row in rows:
        panels.append(
            {
                "type": "row",
                "id": len(panels) + 1,
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": top},
            }
        )
        top += 1
        for kind, height, columns in (("stat", STAT_HEIGHT, 6), ("timeseries", CHART_HEIGHT, 2)):
            shown = [panel for panel in row.panels if panel.kind == kind]
            columns = min(columns, len(shown))
            for nth, panel in enumerate(shown):
                width = WIDTH // columns
                place: Json = {"h": height, "w": width, "x": nth % columns * width, "y": top + nth // columns * height}
                panels.append(_panel(len(panels) + 1, panel, place))
            top += -(-len(shown) // columns) * height
    return {
        "uid": UID,
        "title": "Handrail: SLAs",
        "description": "What is promised, what people are asked, and how events flow. Made by deploy/grafana/sla.py.",
        "tags": ["handrail"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "",
        "templating": {"list": _variables()},
        "annotations": {
            "list": [
                {
                    "name": "kill switch",
                    "datasource": DATASOURCE,
                    "enable": True,
                    "iconColor": RED,
                    "expr": "max by (scope) (handrail_kill_switch_engaged) > 0",
                    "titleFormat": "kill switch, scope {{scope}}",
                }
            ]
        },
        "panels": panels,
    }


def _panel(number: int, panel: Panel, place: Json) -> Json:
    steps = [{"value": value, "color": colour} for value, colour in panel.thresholds]
    defaults: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}}
    options: Json
    for name, limit in (("min", panel.least), ("max", panel.most)):
        if limit is not None:
            defaults[name] = limit
    if panel.kind == "stat":
        defaults |= {"color": {"mode": "thresholds"}, "noValue": "none yet", "decimals": 1}
        options = {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"]}}
    else:
        custom: Json = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 20, "showPoints": "never"}
        custom["stacking"] = {"mode": "normal" if panel.stacked else "none"}
        if len(steps) > 1:
            custom["thresholdsStyle"] = {"mode": "line"}
        defaults |= {"color": {"mode": "palette-classic"}, "custom": custom}
        options = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {
        "type": panel.kind,
        "id": number,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + nth),
                "datasource": DATASOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": panel.kind == "stat",
                "range": panel.kind != "stat",
            }
            for nth, query in enumerate(panel.queries)
        ],
    }


def _variables() -> list[Json]:
    return [
        {
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "current": {},
            "hide": 0,
        },
        {
            "name": "service",
            "label": "Service",
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": "label_values(handrail_build_info, service)", "refId": "service"},
            "refresh": 2,
            "includeAll": True,
            "allValue": ".+",
            "multi": True,
            "current": {"text": "All", "value": "$__all"},
            "hide": 0,
        },
    ]


def rendered() -> str:
    """The text of sla.json."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered())
