"""A team's own settings are read and checked together with those of myapi."""

from dataclasses import dataclass

import pytest

from myapi.extend import (
    AppSettings,
    Extension,
    integer,
    number,
    one_of,
    setting,
    settings,
    switch,
    text,
)
from myapi.settings import Settings, SettingsError, unknown_variables


@dataclass(frozen=True)
class Notes(AppSettings):
    notes_max: int = setting(100, integer(1, 1000))
    notes_share: float = setting(0.5, number(0, 1))
    notes_order: str = setting("newest", one_of("newest", "oldest"))
    notes_public: bool = setting(False, switch)
    notes_greeting: str = setting("你好", text)


@dataclass(frozen=True)
class Shop(AppSettings):
    shop_key: str = setting("", text, secret=True)
    shop_low: int = setting(1, integer(0, 100))
    shop_high: int = setting(9, integer(0, 100))

    def __post_init__(self) -> None:
        if self.shop_low > self.shop_high:
            raise ValueError("APP_SHOP_LOW: must not be more than APP_SHOP_HIGH")


def read(tmp_path, **environ):
    return Settings.from_env(environ, tmp_path, own=(Notes, Shop)).own


def test_defaults_and_values_of_several_classes(tmp_path):
    assert read(tmp_path) == (Notes(), Shop())
    given = {"APP_NOTES_MAX": "7", "APP_NOTES_GREETING": "早上好", "APP_SHOP_LOW": "2"}
    assert read(tmp_path, **given) == (
        Notes(notes_max=7, notes_greeting="早上好"),
        Shop(shop_low=2),
    )


def test_env_file_is_read_and_the_environment_wins(tmp_path):
    (tmp_path / ".env").write_text("APP_NOTES_MAX=4\nAPP_NOTES_PUBLIC=on\n")
    notes, _ = read(tmp_path, APP_NOTES_MAX="8")
    assert (notes.notes_max, notes.notes_public) == (8, True)


def test_secret_may_be_in_a_file_and_is_in_no_repr(tmp_path):
    (tmp_path / "key").write_text("a-secret-of-the-shop\n")
    _, shop = read(tmp_path, APP_SHOP_KEY_FILE=str(tmp_path / "key"))
    assert shop.shop_key == "a-secret-of-the-shop"
    assert "a-secret" not in repr(shop)


def test_all_problems_are_in_one_list(tmp_path):
    wrong = {
        "MYAPI_WORKERS": "many",
        "APP_NOTES_MAX": "0",
        "APP_NOTES_GREETING": "two\nlines",
        "APP_SHOP_LOW": "50",
    }
    with pytest.raises(SettingsError) as error:
        read(tmp_path, **wrong)
    assert error.value.problems == [
        "MYAPI_WORKERS: must be a whole number from 1 to 64",
        "APP_NOTES_MAX: must be a whole number from 1 to 1000",
        "APP_NOTES_GREETING: must be one line of text",
        "APP_SHOP_LOW: must not be more than APP_SHOP_HIGH",
    ]


def test_unknown_variable_is_a_warning_where_there_are_own_settings(tmp_path):
    given = {"APP_NOTES_MAXX": "1", "APP_SHOP_KEY_FILE": "x", "APP_NOTES_MAX": "2"}
    (sentence,) = unknown_variables(given, tmp_path, own=(Notes, Shop))
    assert sentence == "APP_NOTES_MAXX is not a setting; did you mean APP_NOTES_MAX?"
    assert list(unknown_variables(given, tmp_path)) == []  # other programs use the prefix too


def test_settings_of_a_class_are_those_of_the_app(make_app):
    app = make_app(Extension(settings=[Notes, Shop]), own=(Notes(notes_max=3),))
    with app.app_context():
        assert settings(Notes).notes_max == 3
        assert settings(Shop) == Shop()
        with pytest.raises(LookupError, match="AppSettings is not in settings= of the Extension"):
            settings(AppSettings)
