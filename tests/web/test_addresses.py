"""Addresses: with a slash too many at its end each is the same, or leads to the same."""

import pytest
from werkzeug.routing import IntegerConverter

ODD = "?x=1&y=%C3%A9"


def write_addresses(app):
    """Each address of the application that ends in no slash, with its methods.

    But for the few that are another's with one: /mentors/new/ is a mentor's of that name.
    """
    its = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if not rule.rule.endswith(("/", "<path:name>", "<path:filename>")):
            words = {
                name: 7 if isinstance(kind, IntegerConverter) else "x"
                for name, kind in rule._converters.items()
            }
            _, address = rule.build(words, append_unknown=False)
            if not its.test(address + "/") or address.startswith("/api/"):
                yield address, sorted(rule.methods - {"HEAD", "OPTIONS"})


def test_address_with_a_slash_too_many_is_the_one_without_or_leads_there(app):
    client, led = app.test_client(), []
    for address, methods in write_addresses(app):
        for method in methods:
            answer = client.open(f"{address}/{ODD}", method=method)

            if answer.status_code == 308:
                led.append(address)
                assert answer.location == address + ODD
            else:
                same = client.open(address + ODD, method=method)
                assert (address, answer.status_code) == (address, same.status_code)
                assert address.startswith("/api/")
    assert len(led) > 100
    described = {"/api/v1/openapi.json", "/api/v1/postman.json", "/api/v1/docs"}
    assert {each for each in led if each.startswith("/api/")} <= described


def test_operation_is_done_with_a_slash_too_many(api):
    """Where it was led on, a client might lose the body, or the key."""
    made = api.put("/api/v1/enrollments/", json={"user": "s7"})

    assert made.status_code == 201
    assert api.get(f"/api/v1/enrollments/{made.json['id']}/").json == made.json


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/",
        "//evil.example/",
        "//evil.example/admin/keys/",
        "/admin/platforms/x/y/",
        "/admin/platforms/../",
        "/admin/platforms/./",
        "/\n/",
    ],
)
def test_nobody_is_led_to_what_is_not_here(client, path):
    """Nor to another host, or with `..`, which a browser would take for the way up."""
    answer = client.get("/", environ_overrides={"PATH_INFO": path})

    assert answer.status_code == 404
