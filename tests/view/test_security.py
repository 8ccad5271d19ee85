"""Who may ask the server."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from polyalign.view.app import make_app

EDIT = "/api/pair/edit?row=0"
CHANGE = {"change": {"do": "mark", "to": "done"}, "version": 0}


@pytest.mark.parametrize("host", ["127.0.0.1:8650", "localhost:1", "[::1]:8650", "LOCALHOST"])
def test_this_machine_is_answered(client, host):
    assert client.get("/pairs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8650", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_a_name_that_was_rebound_to_this_machine_is_refused(client, host):
    assert client.get("/pairs", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "https://127.0.0.1:8650"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_another_origin_is_refused(client, view, headers):
    assert client.get("/api/pair?row=0", headers=headers).status_code == 403
    assert client.post(EDIT, json=CHANGE, headers=headers).status_code == 403
    assert view.edits.all() == []


def test_a_link_from_another_site_may_be_followed_to_a_page_and_to_nothing_else(client):
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/pairs", headers=followed).status_code == 200
    assert client.post(EDIT, json=CHANGE, headers=followed).status_code == 403


def test_its_own_page_may_change(client, view):
    own = {"Origin": "http://127.0.0.1:8650", "Sec-Fetch-Site": "same-origin"}
    assert client.post(EDIT, json=CHANGE, headers=own).status_code == 200
    assert len(view.edits.all()) == 1


@pytest.mark.parametrize("type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_could_send_is_no_change(client, view, type):
    headers = {"Content-Type": type}
    assert (
        client.post(EDIT, content='{"change": {"do": "mark", "to": "done"}, "version": 0}', headers=headers).status_code
        == 415
    )
    assert view.edits.all() == []


def test_bodies_that_are_no_changes_are_refused(client):
    json = {"Content-Type": "application/json"}
    assert client.post(EDIT, content="{", headers=json).status_code == 400
    assert client.post(EDIT, content="[1]", headers=json).status_code == 400
    assert client.post(EDIT, json={"change": "x", "version": 0}).status_code == 400
    assert client.post(EDIT, json={"change": {"do": "mark", "to": "done"}, "version": "0"}).status_code == 400
    assert client.post(EDIT, content="[" + " " * (5 << 20) + "]", headers=json).status_code == 413


@pytest.mark.parametrize("path", ["/", "/pairs", "/static/base.css", "/api/pair?row=0", "/nowhere"])
def test_every_answer_is_marked(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_files_outside_of_the_folder_are_not_served(client):
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/..%2fapp.py"):
        assert client.get(path).status_code == 404


def test_where_a_token_is_needed_nothing_is_answered_without(view):
    app = make_app(view, token="s3cret")
    visitor = TestClient(app, base_url="http://server.example:8650", follow_redirects=False)
    for path in ("/", "/api/pair?row=0", "/static/base.js", "/?token=", "/?token=S3cret", "/?token=s3cretx"):
        assert visitor.get(path).status_code == 401
    assert visitor.post(EDIT + "&token=s3cret", json=CHANGE).status_code == 401
    let = visitor.get("/pairs?row=3&token=s3cret")
    assert (let.status_code, let.headers["location"]) == (303, "/pairs?row=3")
    cookie = let.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert visitor.get("/pairs").status_code == 200
    assert visitor.post(EDIT, json=CHANGE).status_code == 200
    assert visitor.post(EDIT, json=CHANGE, headers={"Origin": "http://evil.example"}).status_code == 403
