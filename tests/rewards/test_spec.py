"""Reward specs: what a YAML file may say, what is refused and how, and the arithmetic of one candidate."""

from pathlib import Path

import pytest

from rewards.outcome import Outcome, Status
from rewards.spec import Combined, Requirement, Reward, RewardSpec, ScorerEntry, load_reward, read_spec, reward_of
from schemas.errors import ConfigError, RuleError
from schemas.identity import canonical_json
from schemas.options import RewardOptions

RULES = """
from rewards import rule

@rule
def a(completion: str, *, most: int = 3) -> float:
    return 1.0

@rule
def b(completion: str, keywords: list[str]) -> float:
    return 1.0

@rule
def c(completion: str) -> bool:
    return True

def plain(completion: str) -> bool:
    return True
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "my_rules.py"
    path.write_text(RULES)
    return path


def spec_file(rules: Path, text: str) -> Path:
    path = rules.parent / "helpful.yaml"
    path.write_text(text)
    return path


def reward(rules: Path, *scorers: ScorerEntry, **fields: object) -> Reward:
    return reward_of(RewardSpec(scorers=scorers, rules=(rules,), **fields))


def ok(value: float) -> Outcome:
    return Outcome(Status.OK, value)


SKIP, ERROR, TIMEOUT = Outcome(Status.SKIP), Outcome(Status.ERROR), Outcome(Status.TIMEOUT)


def test_a_spec_in_yaml_is_loaded_with_its_rules_beside_it(rules):
    path = spec_file(
        rules,
        """
        rules: my_rules.py
        combine: sum
        scorers:
          - rule: a
            weight: 2
            options: {most: 5}
          - {rule: b, inputs: {keywords: must_have}}
          - {rule: "my_rules.py:plain", name: undecorated}
          - rule: has_code_block
        require:
          - {rule: c, min: 1}
        """,
    )
    loaded = load_reward(RewardOptions(reward=path))
    assert loaded.name == "helpful"
    assert [s.name for s in loaded.scorers] == ["a", "b", "undecorated", "has_code_block", "c"]
    assert loaded.weights == ((0, 2.0), (1, 1.0), (2, 1.0), (3, 1.0))
    assert loaded.bounds == ((4, 1.0),)
    assert loaded.scorers[0].options == {"most": 5}
    assert loaded.scorers[1].columns == {"keywords": "must_have"}


@pytest.mark.parametrize("listed", ["", "rules: [my_rules.py, below/my_rules.py]\n"])
def test_the_file_of_a_function_is_relative_to_the_spec(rules, listed):
    (rules.parent / "below").mkdir()
    (rules.parent / "below/my_rules.py").write_text(RULES.replace("plain", "other"))
    scorers = '{rule: "my_rules.py:plain"}, {rule: "below/my_rules.py:other"}'
    loaded = load_reward(RewardOptions(reward=spec_file(rules, f"{listed}scorers: [{scorers}]")))
    assert [s.name for s in loaded.scorers] == ["my_rules.py:plain", "my_rules.py:other"]


def test_rules_without_a_spec_are_all_of_the_file_with_weight_one(rules):
    loaded = load_reward(RewardOptions(rules=(rules,)))
    assert [s.name for s in loaded.scorers] == ["a", "b", "c"]
    assert loaded.spec.combine == "mean"
    assert loaded.combine([ok(1), ok(0), ok(1)]).reward == round(2 / 3, 9)


def test_nothing_to_judge_by_is_refused():
    with pytest.raises(ConfigError, match=r"--rules FILE\.py or --reward"):
        load_reward(RewardOptions())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "scorers: [{rule: a, wieght: 2}]",
            r"helpful.yaml: unknown field 'wieght' in scorers\[0\]; did you mean 'weight'",
        ),
        ("scorers: [{rule: a}]\nrequires: []", "unknown field 'requires'; did you mean 'require'"),
        ("scorers: [{rule: a, weight: heavy}]", r"scorers\[0\].weight: .*found 'heavy'"),
        ("scorers: [{weight: 1}]", r"field 'scorers\[0\].rule' is missing"),
        ("name: x", "field 'scorers' is missing"),
        ("scorer: [{rule: a}]", "helpful.yaml: unknown field 'scorer'; did you mean 'scorers'"),
        ("scorers: [{rul: a}]", r"unknown field 'rul' in scorers\[0\]; did you mean 'rule'"),
        ("scorers: []", "scorers: .*at least 1"),
        ("scorers: [a]", r"scorers\[0\]: .*found 'a'"),
        ("scorers: [{rule: a}]\ncombine: product", "combine: .*'mean' or 'sum'.*found 'product'"),
        ("scorers: [{rule: a, weight: -1}]", "a mean needs weights above 0, found -1"),
        ("scorers: [{rule: a, weight: .nan}]", r"scorers\[0\].weight"),
        ("- a", "a reward spec is a mapping with `scorers:`, found list"),
        ("scorers:\n  - {rule: a", r"helpful.yaml:2: not YAML: while parsing a flow mapping, expected ',' or '}'"),
        ("scorers: [{rule: a, weight: yes}]", r"scorers\[0\].weight: .*found True"),
        ("scorers: [{rule: a, weight: '2'}]", r"scorers\[0\].weight: .*found '2'"),
        ("scorers: [{rule: a, weight: 010}]", r"scorers\[0\].weight: .*found '010'"),
        ("scorers: [{rule: a, weight: 1:30}]", r"scorers\[0\].weight: .*found '1:30'"),
        ("scorers: [{rule: a}]\nrequire: [{rule: c, min: true}]", r"require\[0\].min: .*found True"),
        ("scorers: [{rule: a}]\nrequired_reward: no", "required_reward: .*found False"),
        ("scorers: [{rule: a}]\nname: x\nscorers: [{rule: b}]", "helpful.yaml:3: .*'scorers' is there twice"),
        ("scorers:\n- {rule: a, weight: 1, weight: 3}", "helpful.yaml:2: .*'weight' is there twice"),
        ("name: x\nscorers: @a", "helpful.yaml:2: not YAML: .*'@' that cannot start any token"),
        ("name: x\n\ncombine: \b", r"helpful.yaml:3: not YAML: character '\\x08' is not allowed"),
        ("rules: my_rules.py\nscorers: [{rule: a}, {rule: a, weight: 3}]", r"scorers\[1\] is listed twice \(a\)"),
        ("rules: my_rules.py\nscorers: [{rule: a}, {rule: a, options: {most: 1}}]", "another scorer named 'a'"),
        ("scorers: [{rule: c, weight: -1}]\ncombine: sum\nrequire: [{rule: c}]", "required_reward: state it"),
    ],
)
def test_a_wrong_spec_gets_one_line_with_file_field_and_remedy(rules, text, message):
    path = spec_file(rules, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_reward(RewardOptions(reward=path))
    assert "\n" not in str(caught.value)
    assert "helpful.yaml" in str(caught.value)


def test_numbers_may_have_an_exponent_and_a_merged_key_may_be_set_anew(rules):
    path = spec_file(
        rules,
        """
        rules: my_rules.py
        scorers:
          - &first {rule: a, weight: 1e-3, options: {most: 5}}
          - {<<: *first, name: again, weight: 2.5e+3, options: {most: 0}}
        """,
    )
    assert load_reward(RewardOptions(reward=path)).weights == ((0, 0.001), (1, 2500.0))


def test_a_missing_spec_file_and_an_unknown_rule_are_named(rules, tmp_path):
    with pytest.raises(ConfigError, match=r"absent.yaml: cannot read"):
        read_spec(tmp_path / "absent.yaml")
    with pytest.raises(RuleError, match=r"scorers\[0\]: no rule 'has_code_blok'; did you mean 'has_code_block'"):
        reward(rules, ScorerEntry(rule="has_code_blok"))
    with pytest.raises(RuleError, match="most"):
        reward(rules, ScorerEntry(rule="a", options={"mots": 1}))


def test_one_rule_may_be_listed_twice_under_two_names_and_be_required_too(rules):
    loaded = reward(
        rules,
        ScorerEntry(rule="a"),
        ScorerEntry(rule="a", name="strict", options={"most": 1}),
        require=(Requirement(rule="a"),),
    )
    assert [s.name for s in loaded.scorers] == ["a", "strict"]
    assert loaded.bounds == ((0, 0.5),)


def test_options_that_json_does_not_have_are_described_as_python_writes_them(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text(
        "import re\nfrom rewards import rule\n\n@rule\ndef odd(completion: str, low: float, "
        "*, cap: float = float('inf'), part: str = '\\ud800', "
        "table: dict = {(1, 2): 3}, pattern: re.Pattern = re.compile('x'), plain: int = 3):\n"
        "    return 1.0\n"
    )
    loaded = reward(path, ScorerEntry(rule="odd", inputs={"low": {"constant": float("-inf")}}))
    [found] = loaded.describe()["scorers"]
    odd = {"cap": "inf", "part": r"'\ud800'", "table": "{(1, 2): 3}", "pattern": "re.compile('x')"}
    assert (found["options"], found["constants"]) == ({**odd, "plain": 3}, {"low": "-inf"})
    assert canonical_json(loaded.describe()).encode()


def test_the_mean_runs_over_the_scorers_that_are_ok(rules):
    loaded = reward(rules, ScorerEntry(rule="a", weight=3), ScorerEntry(rule="b"), ScorerEntry(rule="c"))
    assert loaded.combine([ok(1), ok(0.5), ok(0)]) == Combined(0.7, mask=0b111)
    assert loaded.combine([ok(1), SKIP, ok(0)]) == Combined(0.75, mask=0b101)
    assert loaded.combine([ok(0), ok(0), ok(0)]) == Combined(0.0, mask=0b111)
    assert loaded.combine([SKIP, SKIP, SKIP]) == Combined(None, reason="not_scored")


def test_the_sum_is_not_divided(rules):
    loaded = reward(rules, ScorerEntry(rule="a", weight=3), ScorerEntry(rule="b", weight=-1), combine="sum")
    assert loaded.combine([ok(1), ok(0.5)]).reward == 2.5
    assert loaded.combine([SKIP, ok(0.5)]).reward == -0.5


@pytest.mark.parametrize("combine", ["mean", "sum"])
def test_values_that_add_up_to_no_finite_number_give_no_reward(rules, combine):
    loaded = reward(rules, ScorerEntry(rule="a", weight=10), ScorerEntry(rule="b", weight=10), combine=combine)
    for values in [(1.7e308, 1.7e308), (1.7e308, -1.7e308), (-1.7e308, 0.0)]:
        assert loaded.combine([ok(value) for value in values]) == Combined(None, 0b11, reason="reward_overflow")
    assert loaded.combine([ok(1e100), ok(1e100)]).reward in (1e100, 2e101)


@pytest.mark.parametrize("broken", [ERROR, TIMEOUT])
def test_a_failed_scorer_gives_no_reward_rather_than_a_zero(rules, broken):
    loaded = reward(rules, ScorerEntry(rule="a"), ScorerEntry(rule="b"), require=(Requirement(rule="c"),))
    for outcomes in ([broken, ok(1), ok(1)], [ok(1), broken, ok(0)], [ok(1), ok(1), broken], [SKIP, SKIP, broken]):
        assert loaded.combine(outcomes).reward is None
        assert loaded.combine(outcomes).reason == "failed_scorer"
    assert loaded.combine([ok(1), None, ok(1)]) == Combined(None, mask=0b101, reason="not_scored")


def test_a_failed_requirement_sets_the_reward_and_is_named(rules):
    loaded = reward(rules, ScorerEntry(rule="a"), require=(Requirement(rule="c"),))
    assert loaded.combine([ok(0.9), ok(1)]) == Combined(0.9, mask=0b11)
    assert loaded.combine([ok(0.9), ok(0)]) == Combined(0.0, mask=0b11, failed="c")
    assert loaded.combine([ok(0.9), SKIP]) == Combined(0.9, mask=0b01)
    stated = reward(rules, ScorerEntry(rule="a"), require=(Requirement(rule="c", min=2),), required_reward=-1)
    assert stated.combine([ok(7), ok(1.9)]) == Combined(-1.0, mask=0b11, failed="c")
    assert stated.combine([ok(7), ok(2)]) == Combined(7.0, mask=0b11)


def test_values_outside_0_to_1_need_a_stated_required_reward(rules):
    loaded = reward(rules, ScorerEntry(rule="a"), require=(Requirement(rule="c"),))
    for requirement in (ok(1), ok(0)):
        with pytest.raises(ConfigError, match=r"'a' gave 7, outside 0\.\.1: state required_reward"):
            loaded.combine([ok(7), requirement])
    assert reward(rules, ScorerEntry(rule="a")).combine([ok(7)]).reward == 7.0


def test_decimals_that_add_up_on_paper_tie(rules):
    loaded = reward(rules, ScorerEntry(rule="a"), ScorerEntry(rule="b"), ScorerEntry(rule="c"), combine="sum")
    assert 0.1 + 0.2 != 0.3
    rewards = {
        loaded.combine([ok(x), ok(y), ok(z)]).reward
        for x, y, z in [(0.1, 0.2, 0.3), (0.3, 0.2, 0.1), (0.2, 0.1, 0.3), (0.6, 0, 0)]
    }
    assert rewards == {0.6}


def test_the_id_changes_with_what_counts_only(rules):
    first = reward(rules, ScorerEntry(rule="a"), ScorerEntry(rule="b"))
    assert first.reward_id == reward(rules, ScorerEntry(rule="a"), ScorerEntry(rule="b")).reward_id
    others = [
        reward(rules, ScorerEntry(rule="b"), ScorerEntry(rule="a")),
        reward(rules, ScorerEntry(rule="a", weight=2), ScorerEntry(rule="b")),
        reward(rules, ScorerEntry(rule="a", options={"most": 1}), ScorerEntry(rule="b")),
        reward(rules, ScorerEntry(rule="a"), ScorerEntry(rule="b", inputs={"keywords": "other"})),
        reward(rules, ScorerEntry(rule="a"), ScorerEntry(rule="b"), normalise="rank"),
    ]
    assert len({first.reward_id, *(other.reward_id for other in others)}) == 6
