"""Reward specs: what a YAML file may say, what is refused and how, and the arithmetic of one candidate."""

import json
from pathlib import Path

import pytest

from rewards.formula import formula_of
from rewards.outcome import Outcome, Status
from rewards.spec import Combined, Requirement, Reward, RewardSpec, ScorerEntry, load_reward, read_spec, reward_of
from schemas.errors import ConfigError, RuleError
from schemas.identity import canonical_json, content_id
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scorers: [{rule: a, clip: [1, 0]}]", r"scorers\[0\].clip: write \[low, high\], found \[1, 0\]"),
        ("scorers: [{rule: a, clip: 1}]", r"scorers\[0\].clip: .*found 1"),
        ("scorers: [{rule: a, clip: [0, yes]}]", r"scorers\[0\].clip\[1\]: .*found True"),
        ("scorers: [{rule: a, scale: {from: [5, 5]}}]", r"scorers\[0\].scale: `from` is \[low, high\]"),
        ("scorers: [{rule: a, scale: {from: [0, 5], to: [1, 1]}}]", r"scorers\[0\].scale: `to` has two different ends"),
        (
            "scorers: [{rule: a, scale: {form: [0, 5]}}]",
            r"unknown field 'form' in scorers\[0\].scale; did you mean 'from'",
        ),
        ("scorers: [{rule: a, when: {tag: null}}]", r"scorers\[0\].when: tag: null is no value"),
        ("scorers: [{rule: a, when: maths}]", r"scorers\[0\].when: .*found 'maths'"),
        ("scorers: [{rule: a, when: {tag: {exist: true}}}]", r"scorers\[0\].when: tag: .*neither a value"),
        ("require: [{rule: a, clip: [0, 1]}]\nscorers: [{rule: a}]", r"unknown field 'clip' in require\[0\]"),
        ("inclde: x.yaml\nscorers: [{rule: a}]", "unknown field 'inclde'; did you mean 'include'"),
        ("include: absent.yaml", "absent.yaml: cannot read the reward spec"),
        ("include: [helpful.yaml]", "`include` comes back to where it began: helpful.yaml -> helpful.yaml"),
        ("rewards: {}", "rewards: .*at least 1"),
        ("rewards: {x: {scorers: [{rul: a}]}}", r"rewards.x: unknown field 'rul' in scorers\[0\]; did you mean 'rule'"),
        ("rewards: {x: {name: y}}", "rewards.x: field 'scorers' is missing"),
        ("rewards: {x: 3}", "rewards.x: .*found 3"),
        ("combine: sum\nrewards: {x: {scorers: [{rule: a}]}}", "unknown field 'combine'"),
        (
            "rewards: {x: {scorers: [{rule: a}]}, y: {scorers: [{rule: a}]}}",
            "has several rewards; choose one, .*helpful.yaml:NAME; there are: x, y",
        ),
    ],
)
def test_a_wrong_adjustment_condition_include_or_name_gets_one_line(rules, text, message):
    path = spec_file(rules, text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_reward(RewardOptions(reward=path))
    assert "\n" not in str(caught.value)


def test_values_are_clipped_first_and_then_scaled_and_requirements_see_them_as_they_are(rules):
    path = spec_file(
        rules,
        """
        rules: my_rules.py
        scorers:
          - {rule: a, clip: [0, 100], scale: {from: [0, 100], to: [0, 1]}}
          - {rule: b, scale: {from: [0, 4], to: [1, 0]}, weight: 3}
        require:
          - {rule: a, min: 20}
        """,
    )
    loaded = load_reward(RewardOptions(reward=path))
    assert loaded.combine([ok(250), ok(0)]).reward == 1.0
    assert loaded.combine([ok(50), ok(2)]).reward == 0.5
    assert loaded.combine([ok(19.9), ok(0)]) == Combined(0.0, mask=0b11, failed="a")
    with pytest.raises(ConfigError, match=r"'b' gave -0.25, outside 0\.\.1: state required_reward .*or clip or scale"):
        loaded.combine([ok(50), ok(5)])


def test_the_ends_of_a_scale_are_met_exactly_and_it_goes_on_outside(rules):
    for start, end, first, last in [(0, 100, 0, 1), (1, 10, -0.3, 0.7), (-0.1, 0.2, 1, 0)]:
        entry = ScorerEntry(rule="a", scale={"from": [start, end], "to": [first, last]})
        assert (entry.adjustment.apply(start), entry.adjustment.apply(end)) == (first, last)
        beyond = entry.adjustment.apply(end + (end - start))
        assert beyond == pytest.approx(last + (last - first))


def test_a_scorer_counts_only_for_the_prompts_that_it_is_meant_for(rules):
    loaded = reward(rules, ScorerEntry(rule="a", when={"tag": ["maths", "code"]}), ScorerEntry(rule="b", weight=3))
    assert loaded.combine([ok(1), ok(0)], {"tag": "maths"}) == Combined(0.25, mask=0b11)
    assert loaded.combine([ok(1), ok(0)], {"tag": "chat"}) == Combined(0.0, mask=0b10)
    assert loaded.combine([None, ok(0.5)], {"tag": "chat"}) == Combined(0.5, mask=0b10)
    assert loaded.combine([ERROR, ok(0.5)], {}) == Combined(0.5, mask=0b10)
    assert loaded.combine([None, ok(0.5)], {"tag": "code"}).reason == "not_scored"
    with pytest.raises(ValueError, match="columns are needed"):
        loaded.combine([ok(1), ok(0)])
    safe = reward(rules, ScorerEntry(rule="a"), require=(Requirement(rule="c", when={"harmful": True}),))
    assert safe.combine([ok(1), ok(0)], {"harmful": True}).failed == "c"
    assert safe.combine([ok(1), ok(0)], {"harmful": False}).reward == 1.0


@pytest.mark.parametrize("when", [{}, {"harmful": 1}, {"harmful": False}])
def test_one_scorer_under_two_conditions_needs_two_names(rules, when):
    with pytest.raises(ConfigError, match="another `when`; add a `name:`"):
        reward(rules, ScorerEntry(rule="c", when=when), require=(Requirement(rule="c", when={"harmful": True}),))


SEVERAL = """
rules: my_rules.py
rewards:
  helpful: {scorers: [{rule: a}, {rule: b, weight: 2}]}
  safe: {combine: sum, scorers: [{rule: c}]}
"""


def test_a_reward_of_several_is_chosen_by_name(rules):
    path = spec_file(rules, SEVERAL)
    safe = load_reward(RewardOptions(reward=Path(f"{path}:safe")))
    assert (safe.name, safe.spec.combine, [s.name for s in safe.scorers]) == ("safe", "sum", ["c"])
    assert load_reward(RewardOptions(reward=Path(f"{path}:helpful"))).weights == ((0, 1.0), (1, 2.0))
    with pytest.raises(ConfigError, match="no reward 'save'; did you mean 'safe'"):
        load_reward(RewardOptions(reward=Path(f"{path}:save")))


def test_one_reward_needs_no_name_and_answers_to_its_own(rules):
    path = spec_file(rules, "rules: my_rules.py\nrewards: {only: {scorers: [{rule: a}]}}")
    assert load_reward(RewardOptions(reward=path)).name == "only"
    path = spec_file(rules, "rules: my_rules.py\nscorers: [{rule: a}]")
    assert load_reward(RewardOptions(reward=Path(f"{path}:helpful"))).name == "helpful"
    with pytest.raises(ConfigError, match="no reward 'other'; the file is one reward, 'helpful'"):
        load_reward(RewardOptions(reward=Path(f"{path}:other")))


def included(rules: Path, text: str, name: str = "shared/base.yaml") -> None:
    path = rules.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_an_include_brings_scorers_requirements_and_rules_and_the_same_name_replaces(rules):
    included(rules, "rules: ../my_rules.py\nscorers: [{rule: a}, {rule: b}]\nrequire: [{rule: c}]\ncombine: sum")
    path = spec_file(rules, "include: shared/base.yaml\nscorers: [{rule: a, weight: 5, options: {most: 1}}]")
    loaded = load_reward(RewardOptions(reward=path))
    assert [(s.name, w) for s, (_, w) in zip(loaded.scorers, loaded.weights, strict=False)] == [("a", 5.0), ("b", 1.0)]
    assert loaded.scorers[0].options == {"most": 1}
    assert loaded.bounds == ((2, 0.5),)
    assert (loaded.name, loaded.spec.combine) == ("helpful", "mean")


def test_included_files_include_others_the_later_one_wins_and_functions_stay_with_their_file(rules):
    included(rules, "def plain(completion: str) -> bool:\n    return False\n", "shared/own.py")
    included(rules, "scorers: [{rule: 'own.py:plain', name: p}, {rule: is_json, weight: 2}]", "shared/deep.yaml")
    included(rules, "include: deep.yaml\nscorers: [{rule: is_json, weight: 3}]")
    included(rules, "rewards: {one: {scorers: [{rule: is_json, weight: 4}]}}", "shared/late.yaml")
    path = spec_file(rules, "include: [shared/base.yaml, 'shared/late.yaml:one']")
    loaded = load_reward(RewardOptions(reward=path))
    assert [(s.name, w) for s, (_, w) in zip(loaded.scorers, loaded.weights, strict=True)] == [("p", 1), ("is_json", 4)]
    assert loaded.scorers[0].rule.name == "own.py:plain"


def test_includes_that_go_round_in_a_circle_are_refused_and_a_file_may_be_included_twice(rules):
    included(rules, "include: ../helpful.yaml")
    path = spec_file(rules, "include: shared/base.yaml")
    with pytest.raises(ConfigError, match=r"helpful\.yaml -> base\.yaml -> helpful\.yaml"):
        load_reward(RewardOptions(reward=path))
    included(rules, "scorers: [{rule: is_json}]")
    included(rules, "include: base.yaml", "shared/other.yaml")
    path = spec_file(rules, "include: [shared/base.yaml, shared/other.yaml]")
    assert [s.name for s in load_reward(RewardOptions(reward=path)).scorers] == ["is_json"]


def test_a_mistake_in_an_included_file_names_that_file(rules):
    included(rules, "scorers: [{rule: is_jsno}]")
    path = spec_file(rules, "include: shared/base.yaml\nscorers: [{rule: is_json}]")
    with pytest.raises(RuleError, match=r"shared/base.yaml: scorers\[0\]: no rule 'is_jsno'"):
        load_reward(RewardOptions(reward=path))


def test_adjustments_and_conditions_change_the_id_and_a_plain_spec_keeps_the_one_it_always_had(rules):
    plain = reward(rules, ScorerEntry(rule="a"))
    others = [
        reward(rules, ScorerEntry(rule="a", clip=(0, 1))),
        reward(rules, ScorerEntry(rule="a", scale={"from": (0, 1)})),
        reward(rules, ScorerEntry(rule="a", when={"tag": "x"})),
    ]
    assert len({plain.reward_id, *(other.reward_id for other in others)}) == 4
    scorer = plain.scorers[0].scorer_id
    parts = [["reward", "reward", "mean", None, "none"], [[scorer, {}]], [[[0, 1.0]], []]]
    assert plain.reward_id == content_id(parts)


def test_a_description_gives_the_formula_back(rules):
    scorers = [
        ScorerEntry(rule="a", clip=(0, 3), scale={"from": (0, 3), "to": (1, 0)}, when={"tag": ["x", 2], "level": True}),
        ScorerEntry(rule="b", weight=1 / 3, when={"answer": {"exists": False}}),
    ]
    bounds = (Requirement(rule="c", min=0.25), Requirement(rule="b", min=0.1, when={"answer": {"exists": False}}))
    loaded = reward(rules, *scorers, require=bounds, required_reward=-1, normalise="rank")
    assert formula_of(loaded.reward_id, json.loads(canonical_json(loaded.describe()))) == loaded.formula


def test_the_example_that_includes_another_replaces_and_adds():
    examples = Path(__file__).parents[2] / "examples"
    base, strict = (load_reward(RewardOptions(reward=examples / name)) for name in ("reward.yaml", "strict.yaml"))
    names = [scorer.name for scorer in strict.scorers]
    assert names == [*(scorer.name for scorer in base.scorers), "is_json", "has_code_block"]
    place = names.index("within_length")
    assert (dict(base.weights)[place], dict(strict.weights)[place]) == (2.0, 3.0)
    assert strict.formula.parts[place].adjustment.apply(0.25) == 0.0
    assert [strict.scorers[place].name for place, _ in strict.bounds] == ["right_refusal", "avoids_forbidden"]
    outcomes = [ok(1.0)] * len(names)
    for columns, meant in [
        ({"format": "json"}, [True, False]),
        ({"format": "code_block", "language": "c"}, [False, True]),
    ]:
        found = strict.combine(outcomes, columns)
        assert [bool(found.mask >> names.index(name) & 1) for name in ("is_json", "has_code_block")] == meant
