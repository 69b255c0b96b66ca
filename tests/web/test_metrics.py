"""/metrics: what Prometheus reads, and who may ask."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mentorai.core.engine import Engine
from mentorai.core.settings import Settings
from mentorai.web.app import create_app


@pytest.fixture
def ask(settings):
    """Ask an installation with this setting for its figures, from an address."""
    engines = []

    def get(networks: str, address: str = "127.0.0.1"):
        chosen = settings.model_copy(update={"metrics_networks": networks})
        engines.append(Engine.open(chosen, plugins=[]))
        client = create_app(engines[-1]).test_client()
        return client.get("/metrics", environ_base={"REMOTE_ADDR": address})

    yield get
    for engine in engines:
        engine.close()


def test_figures_are_what_prometheus_reads(ask, dataset, grade):
    answer = ask("127.0.0.1")

    figures = {
        (sample.name, sample.labels.get("status")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert answer.status_code == 200
    assert figures["mentorai_datasets", "trained"] == 1
    assert figures["mentorai_datasets", "failed"] == 0
    assert figures["mentorai_scores", "waiting"] == 1
    assert figures["mentorai_score_delay_seconds", None] >= 0
    assert figures["mentorai_webhook_deliveries", "failed"] == 0


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        ("", "127.0.0.1", 404),
        ("10.0.0.0/8 192.0.2.7", "10.1.2.3", 200),
        ("10.0.0.0/8 192.0.2.7", "192.0.2.7", 200),
        ("10.0.0.0/8 192.0.2.7", "192.0.2.8", 404),
        ("2001:db8::/32", "2001:db8::1", 200),
    ],
)
def test_figures_are_for_those_whom_the_setting_names(ask, networks, address, status):
    assert ask(networks, address).status_code == status


def test_setting_that_is_no_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 10\.0\.0\.0/8"):
        Settings(data_dir=tmp_path, metrics_networks="everyone")
