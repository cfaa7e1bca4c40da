"""What the service refuses, with which status, and that it says why; nothing that a client sends is a 500."""

import asyncio
import json
import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewards.service import create_app
from schemas.errors import ConfigError
from schemas.service import ServeOptions

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def posted(client, content, path="/v1/rewards", **headers):
    response = await client.post(path, content=content, headers={**JSON, **headers})
    if response.status_code != 200:
        problem = response.json()["error"]
        assert problem["kind"]
        assert problem["message"]
    return response


def item(**fields):
    return json.dumps({"items": [{"completion": "x", **fields}]}).encode()


BAD = {
    "empty": (b"", 400),
    "no JSON": (b"items", 400),
    "cut off": (b'{"items": [', 400),
    "not UTF-8": (b'{"items": [{"completion": "\xff\xfe"}]}', 400),
    "half a surrogate pair": (b'{"items": [{"completion": "\\ud83d"}]}', 400),
    "nested deeply": (b'{"items": [{"completion": "x", "columns": {"a": ' + b"[" * 9000 + b"]" * 9000 + b"}}]}", 400),
    "nothing but brackets": (b"[" * 100_000, 400),
    "a number too large": (b'{"items": [{"completion": "x", "columns": {"a": ' + b"9" * 9000 + b"}}]}", 400),
    "NaN in a column": (b'{"items": [{"completion": "x", "columns": {"a": [NaN]}}]}', 422),
    "infinity in a column": (b'{"items": [{"completion": "x", "columns": {"a": {"b": 1e999}}}]}', 422),
    "NaN as the deadline": (b'{"items": [], "deadline": NaN}', 422),
    "NaN in a message": (b'{"items": [{"completion": [{"role": "assistant", "content": "x", "a": NaN}]}]}', 422),
    "another type": (b"[]", 422),
    "no items": (b"{}", 422),
    "items of another type": (b'{"items": {}}', 422),
    "no completion": (b'{"items": [{}]}', 422),
    "a completion of another type": (item(completion=7), 422),
    "a misspelt field": (item(colums={}), 422),
    "a flag for a number": (item(n_tokens=True), 422),
    "a negative number": (item(n_tokens=-1), 422),
    "prompt and messages": (item(prompt="a", messages=[]), 422),
    "a message without a role": (item(messages=[{"content": "a"}]), 422),
    "too many items": (json.dumps({"items": [{"completion": "x"}] * 65}).encode(), 413),
    "too long": (item(completion="x" * 300_000), 413),
}


@pytest.mark.parametrize(("body", "status"), BAD.values(), ids=BAD)
async def test_a_bad_body_gets_its_4xx_and_a_reason(client, body, status):
    response = await posted(client, body)
    assert response.status_code == status
    assert len(response.text) < 2000


async def test_a_body_without_an_announced_length_is_limited_too(client):
    sent = 0

    async def chunks():
        nonlocal sent
        for _ in range(10_000):
            sent += 1
            yield b"x" * 1000

    assert (await posted(client, chunks())).status_code == 413
    assert sent < 300


async def test_a_body_that_is_sent_too_slowly_is_refused(served, reward_of):

    async def chunks():
        yield b'{"items": '
        await asyncio.sleep(20)
        yield b"[]}"

    async with served(reward_of("behaves"), deadline=0.2) as client:
        assert (await posted(client, chunks())).status_code == 408


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])
async def test_a_body_that_a_web_page_could_send_is_refused(client, kind):
    assert (await posted(client, item(), **{"Content-Type": kind})).status_code == 415


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/rewards/x", "/v1/..%2f..%2fetc/passwd", "/static/../../etc/passwd", "/docs", "/%00"]
)
async def test_there_is_nothing_else_to_be_found(client, path):
    response = await client.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["kind"] == "not_found"


async def test_another_method_is_refused(client):
    response = await client.put("/v1/rewards", json={})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_names_are_never_paths(served, reward_of):
    async with served(reward_of("mentions")) as client:
        columns = {"../../etc/passwd": "/etc/passwd", "answer": "file:///etc/passwd"}
        body = {"items": [{"completion": "x", "columns": columns, "model": "../../etc/passwd", "id": "../x"}]}
        (found,) = (await client.post("/v1/rewards", json=body)).json()["items"]
    assert (found["reward"], found["id"]) == (0.0, "../x")


async def test_the_source_of_a_rule_stays_where_it_is(client):
    said = [(await client.get(path)).text for path in ("/version", "/openapi.json", "/metrics", "/readyz")]
    said += [(await posted(client, item(completion=text))).text for text in ("raise it", "die", "sleep 60", "skip")]
    for text in said:
        assert "hunter2" not in text
        assert "def " not in text
        assert "service_rules.py" not in text


TOKEN = secrets.token_hex()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": TOKEN}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"Authorization": "Bearer \xe9"}, 401),
        ({"Cookie": f"token={TOKEN}"}, 401),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
        ({"Authorization": f"bearer {TOKEN}", "Host": "rewards.example"}, 200),
    ],
)
async def test_a_token_must_come_in_its_header_and_be_right(served_with_token, headers, status):
    response = await served_with_token.get("/version", headers={k: v.encode("latin-1") for k, v in headers.items()})
    assert response.status_code == status
    assert (response.headers.get("www-authenticate") == "Bearer") == (status == 401)


@pytest.fixture(scope="module")
async def served_with_token(served, reward_of):
    async with served(reward_of("behaves"), token=TOKEN, host="0.0.0.0") as client:
        yield client


async def test_a_token_in_the_query_string_is_none(served_with_token):
    for name in ("token", "access_token", "Authorization"):
        assert (await served_with_token.get("/version", params={name: f"Bearer {TOKEN}"})).status_code == 401
        assert (await served_with_token.post("/v1/rewards", params={name: TOKEN}, json={})).status_code == 401


async def test_health_needs_no_token_and_tells_nothing(served_with_token):
    for path in ("/healthz", "/readyz"):
        response = await served_with_token.get(path)
        assert response.status_code == 200
        assert response.json() == {"status": "ok", "reason": ""}
    for path in ("/metrics", "/openapi.json", "/healthz/", "//healthz"):
        assert (await served_with_token.get(path)).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::1", "[::1]x.example", "localhost.evil", "169.254.1.1"]
)
async def test_without_a_token_another_host_name_is_refused(client, host):
    response = await client.get("/version", headers={"Host": host})
    assert response.status_code == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "127.1.2.3"])
async def test_without_a_token_this_machine_may_ask_by_any_of_its_names(client, host):
    assert (await client.get("/version", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "", "rewards.example"])
async def test_no_other_address_is_listened_on_without_a_token(reward_of, host):
    with pytest.raises(ConfigError, match="DATAKIT_TOKEN"):
        create_app(reward_of("behaves"), ServeOptions(host=host))
    assert create_app(reward_of("behaves"), ServeOptions(host=host), token="t")


async def test_a_reward_that_needs_the_whole_group_is_refused(reward_of):
    with pytest.raises(ConfigError, match="scale_rewards"):
        create_app(reward_of("behaves", more="normalise: zscore\n"))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["completion", "prompt", "messages", "columns", "id", "n_tokens", "tools", "finish_reason", "x"]
)
ITEMS = st.dictionaries(FIELDS, JSON_VALUES, max_size=4) | st.builds(
    lambda fields, text: {**fields, "completion": text}, st.dictionaries(FIELDS, JSON_VALUES, max_size=3), st.text()
)
BODIES = st.builds(json.dumps, st.fixed_dictionaries({"items": st.lists(ITEMS, max_size=3)}) | JSON_VALUES)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES.map(str.encode) | st.binary(max_size=60))
async def test_no_body_is_an_internal_error(client, body):
    response = await posted(client, body)
    assert response.status_code in (200, 400, 413, 422)
    if response.status_code == 200:
        assert len(response.json()["items"]) == len(json.loads(body)["items"])


async def test_openapi_describes_every_endpoint_with_examples_that_work(client):
    described = (await client.get("/openapi.json")).json()
    native = described["paths"]["/v1/rewards"]["post"]
    asked = native["requestBody"]["content"]["application/json"]
    assert asked["schema"]["properties"]["items"]["items"]["properties"]["completion"]
    assert "$ref" not in json.dumps(asked)
    for example in asked["examples"].values():
        response = await client.post("/v1/rewards", json=example["value"])
        assert response.status_code == 200, response.text
    assert {"200", "400", "401", "413", "415", "422", "429", "503"} <= set(native["responses"])
    for path, operations in described["paths"].items():
        for method in operations:
            asked = operations[method].get("requestBody", {}).get("content", {}).get("application/json", {})
            bodies = [example["value"] for example in asked.get("examples", {}).values()] or [None]
            for body in bodies:
                assert (await client.request(method, path, json=body)).status_code == 200, path


def test_every_setting_has_a_limit_that_is_checked():
    for name, field in ServeOptions.model_fields.items():
        if field.annotation in (int, float):
            with pytest.raises(ValueError, match=name):
                ServeOptions.model_validate({name: -1})
