from __future__ import annotations

from tymbal.probes.sweep.places import file_name


def test_titles_become_names_that_every_file_system_takes() -> None:
    assert file_name("cats") == "cats"
    names = [file_name(title) for title in ("Cats", "CATS", "a/b", "a:b", "..", ".hidden", "Zoë", "x" * 300)]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
        assert not name.startswith(".")
        assert len(name) <= 70
