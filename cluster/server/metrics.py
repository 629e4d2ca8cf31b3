"""What is counted of requests, and how it is told: /metrics and /metrics/slis, in Prometheus' text format.

Names, labels and help are upstream's: apiserver `pkg/endpoints/metrics`, `pkg/endpoints/filters/metrics.go`,
`pkg/endpoints/filters/impersonation/metrics`, `pkg/audit/metrics.go`, `pkg/storage/etcd3/metrics`, and component-base
`metrics/prometheus/slis`.  Counters are those of all workers together, since their master started.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from cluster.api.authorization import Decision
from cluster.api.errors import StatusError, Unauthorized
from cluster.kinds.catalog import Catalog, is_stored
from cluster.server import metrics_admission as admission
from cluster.server import metrics_configuration as configuration
from cluster.server import metrics_pod_security as pod_security
from cluster.server.context import NOBODY, Context, Handler
from cluster.server.counters import Counter, Counters, Family, series_of
from cluster.server.histograms import HISTOGRAM
from cluster.server.metrics_configuration import DECIDED
from cluster.server.response import Response
from rbac.audit.model import AuditEvent, Sink

_UPPER: Final = re.compile("[A-Z]")
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_APPLY: Final = "application/apply-patch+yaml"
_CONNECTS: Final = frozenset({"attach", "exec", "log", "portforward", "proxy"})
_METHODS: Final = {
    "get": "GET",
    "list": "LIST",
    "watch": "WATCH",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}
RESULTS: Final = ("success", "error")
_LEGACY: Final = "legacy"


BUILD: Final = Family(
    "kubernetes_build_info",
    "gauge",
    "ALPHA",
    "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and "
    "compiler from which Kubernetes was built, and platform on which it is running.",
)
STARTED: Final = Family("process_start_time_seconds", "gauge", "ALPHA", "Start time of the process since unix epoch in seconds.")
_AT_LAST_CHECK: Final = (
    "Number of stored objects at the time of last check split by kind. In case of a fetching error, the value will be -1."
)
OBJECTS: Final = Family("apiserver_resource_objects", "gauge", "ALPHA", _AT_LAST_CHECK)
STORED: Final = Family(
    "apiserver_storage_objects",
    "gauge",
    "STABLE",
    f"[DEPRECATED, consider using apiserver_resource_objects instead] {_AT_LAST_CHECK}",
)
HEALTH: Final = Family("kubernetes_healthcheck", "gauge", "STABLE", "This metric records the result of a single healthcheck.")
HEALTHS: Final = Family("kubernetes_healthchecks_total", "counter", "STABLE", "This metric records the results of all healthcheck.")
REQUESTS: Final = Family(
    "apiserver_request_total",
    "counter",
    "STABLE",
    "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP "
    "response code.",
)
AUTHENTICATIONS: Final = Family("authentication_attempts", "counter", "ALPHA", "Counter of authenticated attempts.")
AUTHORIZATIONS: Final = Family(
    "authorization_attempts_total",
    "counter",
    "ALPHA",
    "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
)
IMPERSONATIONS: Final = Family(
    "apiserver_impersonation_attempts_total",
    "counter",
    "ALPHA",
    "Total number of impersonation attempts split by mode and decision.",
)
EVENTS: Final = Family(
    "apiserver_audit_event_total", "counter", "ALPHA", "Counter of audit events generated and sent to the audit backend."
)
REJECTIONS: Final = Family(
    "apiserver_audit_requests_rejected_total",
    "counter",
    "ALPHA",
    "Counter of apiserver requests rejected due to an error in audit logging backend.",
)
IMPERSONATION_CHECKS: Final = Family(
    "apiserver_impersonation_authorization_attempts_total",
    "counter",
    "ALPHA",
    "Total number of authorization checks made by the impersonation handler split by mode and decision.",
)
COUNTED: Final = (
    *admission.COUNTED,
    *configuration.COUNTED,
    *pod_security.COUNTED,
    REQUESTS,
    AUTHENTICATIONS,
    AUTHORIZATIONS,
    IMPERSONATIONS,
    IMPERSONATION_CHECKS,
    EVENTS,
    REJECTIONS,
)


class Counted:
    """The filter that counts: what became of each request, once it is known."""

    def __init__(self, counters: Counters, catalog: Catalog) -> None:
        """`counters` are those that this process has joined."""
        self._counters = counters
        self._catalog = catalog
        self._requests: dict[tuple[str | int | bool, ...], Counter] = {}
        self._authenticated, self._unauthenticated = (counters.counter(series_of(AUTHENTICATIONS.name, result=each)) for each in RESULTS)
        self._decided = {each: counters.counter(series_of(AUTHORIZATIONS.name, result=told)) for each, told in DECIDED.items()}
        self._unjudged = counters.counter(series_of(AUTHORIZATIONS.name, result="error"))

    def __call__(self, context: Context, following: Handler) -> Response:
        try:
            response = following(context)
        except StatusError as error:
            if context.requester is NOBODY and isinstance(error, Unauthorized):
                self._unauthenticated.add()
            self._count(context, error.code)
            raise
        except Exception:
            self._count(context, 500)
            raise
        self._count(context, response.status_code)
        return response

    def _count(self, context: Context, code: int) -> None:
        if context.requester is NOBODY:
            return
        self._authenticated.add()
        verdict = context.verdict
        if context.impersonates:
            self._impersonation(context.constraint)
        if verdict is None:
            return
        if verdict.decision is not Decision.ALLOW:
            (self._unjudged if verdict.error else self._decided[verdict.decision]).add()
            return
        self._decided[Decision.ALLOW].add()
        info = context.info
        if info.is_resource:
            dry_run = bool(context.query) and "dryRun" in context.query
            apply = info.verb == "patch" and context.header("CONTENT_TYPE") == _APPLY
            key = (
                info.resource,
                info.verb,
                info.group,
                info.version,
                info.subresource,
                not info.name,
                not info.namespace,
                dry_run,
                apply,
                code,
            )
            found = self._requests.get(key) or self._first(key, context)
            if found is not None:
                found.add()

    def _impersonation(self, constraint: str | None) -> None:
        """`constraint` is the verb that allowed it, None where nothing has."""
        decision, mode = ("denied", "") if constraint is None else ("allowed", constraint.partition(":")[2] or _LEGACY)
        self._counters.counter(series_of(IMPERSONATIONS.name, decision=decision, mode=mode)).add()

    def impersonation_checked(self, mode: str, allowed: bool) -> None:
        """An authorizer was asked about a part of an impersonation; `mode` is empty for the one without constraints."""
        decision = "allowed" if allowed else "denied"
        self._counters.counter(series_of(IMPERSONATION_CHECKS.name, decision=decision, mode=mode or _LEGACY)).add()

    def _first(self, key: tuple[str | int | bool, ...], context: Context) -> Counter | None:
        """The counter of what was not counted yet; None for what is not served, which has as many names as one likes."""
        *_, dry_run, apply, code = key
        info = context.info
        kind = self._catalog.find(info.group, info.version, info.resource)
        if kind is None or info.verb not in _METHODS or (info.subresource and info.subresource not in kind.subresources):
            return None
        found = self._requests[key] = self._counters.counter(
            series_of(
                REQUESTS.name,
                verb="CONNECT" if info.subresource in _CONNECTS else "APPLY" if apply else _METHODS[info.verb],
                dry_run="All" if dry_run else "",
                group=info.group,
                version=info.version,
                resource=info.resource,
                subresource=info.subresource,
                scope="resource" if info.name or info.verb == "create" else "namespace" if info.namespace else "cluster",
                component="apiserver",
                code=str(code),
            )
        )
        return found


class Metrics:
    """/metrics: counters, what is stored, and what this is."""

    def __init__(self, counters: Counters, catalog: Catalog, count: Callable[[str], int], build: Mapping[str, str], started: float) -> None:
        """`count`: how many objects of a resource, e.g. `deployments.apps`, are stored; `build`: what /version says of the server."""
        self._counters = counters
        self._stored = sorted({kind.storage for kind in catalog.all() if is_stored(kind)})
        self._count = count
        major, minor = catalog.version.split(".")[:2]
        self._build = series_of(BUILD.name, major=major, minor=minor, **{_UPPER.sub(r"_\g<0>", key).lower(): build[key] for key in build})
        self._started = started

    def __call__(self, context: Context) -> Response:  # noqa: ARG002 - a Handler
        figures: dict[Family, dict[str, float]] = {STARTED: {STARTED.name: self._started}, BUILD: {self._build: 1}}
        figures |= {OBJECTS: {}, STORED: {}}
        for each in self._stored:
            count = self._count(str(each))
            figures[OBJECTS][series_of(OBJECTS.name, group=each.group, resource=each.resource)] = count
            figures[STORED][series_of(STORED.name, resource=str(each))] = count
        totals = self._counters.totals()
        figures |= _counted(self._counters, COUNTED) | admission.durations(totals) | configuration.durations(totals)
        return _told(figures | configuration.gauges(self._counters))


class Slis:
    """/metrics/slis: how healthy the server is now, and was whenever that was asked."""

    def __init__(self, counters: Counters, results: Callable[[], Iterable[tuple[str, bool]]], started: float) -> None:
        """`results`: each check's name, and whether it holds now."""
        self._counters = counters
        self._results = results
        self._started = started

    def __call__(self, context: Context) -> Response:  # noqa: ARG002 - a Handler
        results = list(self._results())
        healthy = {series_of(HEALTH.name, name=name, type=each): float(good) for name, good in results for each in CHECKS}
        figures: dict[Family, dict[str, float]] = {HEALTH: healthy, STARTED: {STARTED.name: self._started}}
        return _told(figures | _counted(self._counters, (HEALTHS,)))


CHECKS: Final = ("healthz", "livez", "readyz")


def health_observer(counters: Counters) -> Callable[[str, str, bool], None]:
    """Counts a check's result: its name, which of CHECKS asked, and whether it holds."""

    def observe(name: str, asked: str, good: bool) -> None:
        counters.counter(series_of(HEALTHS.name, name=name, status="success" if good else "error", type=asked)).add()

    return observe


class CountedSink:
    """Counts the events that another sink is given."""

    def __init__(self, delegate: Sink, counters: Counters) -> None:
        self._delegate = delegate
        self._events = counters.counter(EVENTS.name)
        self._rejections = counters.counter(REJECTIONS.name)

    def process(self, events: Sequence[AuditEvent]) -> bool:
        kept = self._delegate.process(events)
        self._events.add(len(events))
        if not kept:
            self._rejections.add()
        return kept

    def close(self) -> None:
        self._delegate.close()


def _counted(counters: Counters, families: Iterable[Family]) -> dict[Family, dict[str, float]]:
    by_name = {family.name: family for family in families}
    found: dict[Family, dict[str, float]] = {}
    for series, value in counters.totals().items():
        family = by_name.get(series.partition("{")[0])
        if family is not None:
            found.setdefault(family, {})[series] = value
    return found


def _told(figures: Mapping[Family, Mapping[str, float]]) -> Response:
    lines: list[str] = []
    for family in sorted(figures, key=lambda each: each.name):
        lines.append(f"# HELP {family.name} [{family.stability}] {family.help}")
        lines.append(f"# TYPE {family.name} {family.type}")
        figures_of = figures[family].items()
        ordered = figures_of if family.type == HISTOGRAM else sorted(figures_of)  # buckets have an order of their own
        lines += [f"{series} {value if value % 1 else int(value)}" for series, value in ordered]
    lines.append("")
    return Response("\n".join(lines), content_type=_TEXT)
