"""JSON logs with trace and campaign ids, and spans that follow a fact from service to service."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, SpanContext, TraceFlags, format_span_id, format_trace_id

from contracts.event import Meta

_QUIET = ("aiokafka", "kafka", "uvicorn.access", "faststream")
"""They log a line per failed attempt while a broker is away: counted by our metrics instead."""

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_IDS = RandomIdGenerator()
_exporting = False


def set_up_logs(service: str) -> None:
    """One JSON object a line on stdout, from our loggers and from libraries."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def set_up_traces(service: str, otlp_endpoint: str | None) -> None:
    """Ids of traces always travel; spans are made, and exported, only where an OTLP endpoint is set."""
    global _exporting
    if not otlp_endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(resource=Resource.create({"service.name": f"handrail-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint)))
    trace.set_tracer_provider(provider)
    _exporting = True


def span(name: str, meta: Meta | None = None) -> AbstractContextManager[Callable[[], str]]:
    """A span around handling `meta`'s fact, child of the span that caused it. Gives what says its traceparent."""
    if _exporting:
        return _exported(name, meta)
    return _Unseen(meta.traceparent if meta else None)


class _Unseen:
    """A span that nobody looks at: nothing but its id, made when it is needed."""

    __slots__ = ("parent",)

    def __init__(self, parent: str | None) -> None:
        self.parent = parent

    def __enter__(self) -> "_Unseen":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self) -> str:
        parent = _context(self.parent)
        trace_id, flags = (parent.trace_id, parent.trace_flags) if parent else (_IDS.generate_trace_id(), SAMPLED)
        return traceparent_of(SpanContext(trace_id, _IDS.generate_span_id(), is_remote=False, trace_flags=flags))


@contextmanager
def _exported(name: str, meta: Meta | None) -> Iterator[Callable[[], str]]:
    parent = _context(meta.traceparent) if meta else None
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent)) if parent else None
    attributes = (
        {
            "campaign.id": str(meta.campaign_id),
            "cloudevents.event_id": str(meta.event_id),
            "handrail.tenant": meta.tenant,
        }
        if meta
        else {}
    )
    tracer = trace.get_tracer("handrail")
    links = [Link(parent)] if parent else []
    with tracer.start_as_current_span(name, context=context, attributes=attributes, links=links) as current:
        yield lambda: traceparent_of(current.get_span_context())


def traceparent_of(context: SpanContext) -> str:
    """W3C trace context, version 00."""
    return f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}-{context.trace_flags:02x}"


def _context(traceparent: str | None) -> SpanContext | None:
    parts = (traceparent or "").split("-")
    if len(parts) != 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return None
    try:
        context = SpanContext(int(parts[1], 16), int(parts[2], 16), True, TraceFlags(int(parts[3], 16)))
    except ValueError:
        return None
    return context if context.is_valid else None
