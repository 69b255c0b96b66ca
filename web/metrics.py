"""/metrics: the installation's figures for Prometheus, where the setting lets them be asked for."""

from collections.abc import Iterator

from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from werkzeug.exceptions import NotFound

from mentorai.core.engine import Engine
from mentorai.core.figures import read_figures
from mentorai.core.key_rules import is_inside, read_network


class _Figures(Collector):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for figure in read_figures(self._engine.database):
            family = families.setdefault(
                figure.name,
                GaugeMetricFamily(figure.name, figure.meaning, labels=tuple(figure.labels)),
            )
            family.add_metric(tuple(figure.labels.values()), figure.value)
        yield from families.values()


def show_metrics(engine: Engine) -> Response:
    """The figures, for a caller from one of the networks that may ask. Raises NotFound."""
    networks = [read_network(text) for text in engine.settings.metrics_networks.split()]
    if not is_inside(request.remote_addr or "", networks):
        raise NotFound
    registry = CollectorRegistry()
    registry.register(_Figures(engine))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
