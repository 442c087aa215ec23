"""The same dataclass is the Python API and the file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tymbal.config import check_fields, digest, dumps, from_plain, load, settings_of, to_plain, with_fields
from tymbal.errors import ConfigError, UsageError


@dataclass(frozen=True)
class Inner:
    rate: int = 8000
    kind: Literal["mel", "pcen"] = "mel"


@dataclass(frozen=True)
class Outer:
    name: str = "x"
    share: float = 0.5
    layers: tuple[str, ...] = ("a",)
    limit: int | None = None
    inner: Inner = field(default_factory=Inner)


names = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
configs = st.builds(
    Outer,
    name=names,
    share=st.floats(allow_nan=False, allow_infinity=False),
    layers=st.lists(names, max_size=3).map(tuple),
    limit=st.none() | st.integers(-(2**40), 2**40),
    inner=st.builds(Inner, rate=st.integers(1, 10**6), kind=st.sampled_from(["mel", "pcen"])),
)


@settings(max_examples=100, deadline=None)
@given(configs)
def test_every_config_comes_back_from_its_file(tmp_path_factory: pytest.TempPathFactory, config: Outer) -> None:
    path = tmp_path_factory.getbasetemp() / "config.toml"
    path.write_bytes(dumps(config).encode())
    assert load(Outer, path) == config


@dataclass(frozen=True)
class Several:
    by_name: dict[str, Inner] = field(default_factory=dict)


def test_dataclasses_under_names_of_their_own_come_back(tmp_path: Path) -> None:
    config = Several({"one": Inner(rate=1), "two": Inner(kind="pcen")})
    (tmp_path / "config.toml").write_text(dumps(config))
    assert load(Several, tmp_path / "config.toml") == config
    with pytest.raises(ConfigError, match="unknown field 'rat' for Inner"):
        from_plain(Several, {"by_name": {"one": {"rat": 1}}})


@dataclass(frozen=True)
class Picky:
    low: int
    high: int = 9

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigError(f"low is {self.low}", where="Picky", allowed="up to high", mend="Lower it.")


@dataclass(frozen=True)
class Holder:
    one: Picky


def test_what_a_dataclass_says_of_its_values_is_said_once() -> None:
    with pytest.raises(ConfigError) as caught:
        from_plain(Holder, {"one": {"low": 10}}, where="a.toml")
    assert str(caught.value) == "a.toml: one: low is 10 (allowed: up to high). Lower it."
    with pytest.raises(ConfigError, match=r"^Picky: low is 10 \(allowed: up to high\)"):
        from_plain(Picky, {"low": 10})


def test_a_missing_field_is_named_without_all_that_is_there() -> None:
    with pytest.raises(ConfigError) as caught:
        from_plain(Holder, {"one": {"high": 3}}, where="a.toml")
    assert str(caught.value) == "a.toml: one.low is missing. State it: it has no default."


def test_missing_fields_take_their_defaults_and_none_is_left_out() -> None:
    assert from_plain(Outer, {"name": "y"}) == Outer(name="y")
    assert "limit" not in dumps(Outer())
    assert to_plain(Outer())["limit"] is None
    assert to_plain({"path": Path("a") / "b", "names": {"b", "a"}}) == {"path": "a/b", "names": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nmae = 'x'", "unknown field 'nmae'"),
        ("share = 'much'", "share"),
        ("limit = 1.5", "limit"),
        ("[inner]\nkind = 'fft'", "inner.kind"),
        ("[inner]\nrat = 1", "rat"),
        ("name = ", "not valid TOML"),
        ("layers = [1]", "layers"),
    ],
)
def test_a_bad_file_is_told_by_file_and_field(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.toml") as caught:
        load(Outer, path)
    assert told in str(caught.value)


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(Outer, tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(Outer, tmp_path / "binary.toml")


@settings(max_examples=100, deadline=None)
@given(configs, configs)
@example(Outer(share=0.0), Outer(share=-0.0))
def test_digests_are_equal_exactly_where_configs_are(one: Outer, two: Outer) -> None:
    assert (digest(one) == digest(two)) == (to_plain(one) == to_plain(two))


def test_digests_do_not_depend_on_order_or_process() -> None:
    assert digest({"a": 1, "b": (2, 3)}) == digest({"b": [2, 3], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert len(digest("x")) == 16
    assert digest("x", length=32).startswith(digest("x"))
    code = "from tymbal.config import digest; print(digest({'a': {'z', 'y', 'x'}}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": 3}, "Outer: name is 3 (allowed: a text)"),
        ({"share": "much"}, "Outer: share is 'much' (allowed: a number)"),
        ({"share": True}, "Outer: share is True (allowed: a number)"),
        ({"layers": "last"}, "Outer: layers is 'last' (allowed: several, in a tuple such as ('...',))"),
        ({"layers": ("a", 1)}, "Outer: layers is ('a', 1) (allowed: several, in a tuple such as ('...',))"),
        ({"limit": 1.5}, "Outer: limit is 1.5 (allowed: a whole number or None)"),
        ({"inner": {"rate": 1}}, "Outer: inner is {'rate': 1} (allowed: Inner)"),
    ],
)
def test_a_field_of_another_kind_is_named(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_fields(Outer(**fields))
    assert str(caught.value) == told
    assert caught.value.parameter == next(iter(fields))


def test_ranges_are_asked_once_kinds_are_right() -> None:
    def ranges(config: Outer) -> Iterator[tuple[str, bool, str]]:
        yield "share", config.share < 1, "below 1"

    check_fields(Outer(layers=["a", "b"], share=0), ranges(Outer()))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"share is 2 .allowed: below 1"):
        check_fields(Outer(share=2), ranges(Outer(share=2)))
    with pytest.raises(UsageError, match="a number"):
        check_fields(Outer(share="2"), ranges(Outer(share="2")))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"kind is 'fft' .allowed: mel, pcen"):
        check_fields(Inner(kind="fft"))  # type: ignore[arg-type]


def test_fields_that_are_not_there_are_named_with_a_guess() -> None:
    assert with_fields(Outer(), {"share": 0.1}) == Outer(share=0.1)
    with pytest.raises(UsageError, match=r"Outer: there is no 'layer' \(allowed: name, share.*Did you mean 'layers'"):
        with_fields(Outer(), {"layer": ("a",)})


def test_settings_that_turn_out_wrong_name_their_file() -> None:
    path = Path("recipe.toml")
    with pytest.raises(UsageError, match=r"^recipe.toml: epochs is 0 \(allowed: 1 or more\)"), settings_of(path):
        raise UsageError("epochs is 0", where="TrainingConfig", allowed="1 or more", parameter="epochs")
    with pytest.raises(ConfigError, match=r"^other.toml: no such file"), settings_of(path):
        raise ConfigError("no such file", where=Path("other.toml"))
