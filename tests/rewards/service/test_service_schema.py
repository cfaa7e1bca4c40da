"""Whatever fits the OpenAPI description, or does not quite, is answered or refused, never an internal error."""

import schemathesis
from hypothesis import HealthCheck, given, settings


def test_no_request_is_an_internal_error(serving):
    with serving("--answer-after", "assistant", "--on-skip", "0", "--on-error", "0", "--timeout", "0.5") as (_, url):
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        assert {"/v1/rewards", "/get_reward", "/verify", "/slime", "/classify", "/v1/score/evaluation"} <= {
            operation.path for operation in operations
        }
        for operation in operations:

            @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(case=operation.as_strategy())
            def one_line_or_an_answer(case):
                response = case.call()
                assert response.status_code < 500, response.text
                assert response.status_code == 200 or "error" in response.json() or response.status_code == 405

            one_line_or_an_answer()
