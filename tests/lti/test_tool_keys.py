"""Tool keys: made once, the same for every process, sealed at rest."""

from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from mentorai.core.engine import Engine
from mentorai.core.errors import ConfigurationError
from mentorai.core.settings import Settings
from mentorai.lti.tool_keys import ToolKeys, tool_keys


@pytest.fixture
def keys(engine: Engine) -> ToolKeys:
    return ToolKeys(engine.database, engine.settings)


def test_key_is_made_at_first_need_and_shared_by_processes(engine: Engine, keys: ToolKeys) -> None:
    second = ToolKeys(engine.database, engine.settings)

    token = second.sign({"iss": "x"})

    assert keys.read_keyset() == second.read_keyset()
    published = KeySet.import_key_set(keys.read_keyset())  # type: ignore[arg-type]
    assert jwt.decode(token, published, algorithms=["RS256"]).claims == {"iss": "x"}


def test_private_key_is_sealed_in_the_database(engine: Engine, keys: ToolKeys) -> None:
    keys.sign({})

    with engine.database.read() as connection:
        (row,) = connection.execute(select(tool_keys)).all()
    assert '"d"' not in row.public_jwk
    assert '"d"' not in row.sealed_jwk
    assert row.sealed_jwk.count(".") == 4


def test_private_key_is_useless_with_another_secret(
    engine: Engine, keys: ToolKeys, tmp_path: Path
) -> None:
    keys.sign({})
    elsewhere = ToolKeys(engine.database, Settings(data_dir=tmp_path / "copy"))

    with pytest.raises(ConfigurationError, match="tool_keys"):
        elsewhere.sign({})
