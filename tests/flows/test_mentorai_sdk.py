"""mentorAI's own Python SDK, from the registry, against this toolkit: another address and key.

Run as a program this file is the customer's program: the calls of the SDK's README.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mentorai.core.engine import Engine
from mentorai.core.mentors import Mentor
from mentorai.web.admin_tokens import make_admin_token

TENANT, USER = "default", "lee"
CHAPTER = "# Limpets\n\nA limpet returns to its own scar before the water leaves.\n\n" + (
    "Limpets graze on algae at high tide. " * 3_000
)


async def use_sdk(base_url: str, key: str, admin_token: str, chapter: str) -> dict[str, Any]:
    """What a customer's program does, and what it got."""
    from iblai.api.ai_index_api import AiIndexApi
    from iblai.api.core_api import CoreApi
    from iblai.clients import get_platform_api_client
    from iblai.helpers import (
        create_chat_session,
        create_mentor,
        upload_document_to_mentor,
        wait_for_document_training_to_complete,
    )
    from iblai.models.paginated_retriever_document_embedding_list import (
        PaginatedRetrieverDocumentEmbeddingList,
    )
    from iblai.models.platform_api_key import PlatformApiKey

    settings = {
        "template_name": "ai-mentor",
        "new_mentor_name": "My New Mentor",
        "display_name": "My New Mentor",
        "llm_provider": "openai",
    }
    mentor = await create_mentor(TENANT, USER, settings, key, base_url)
    assert mentor is not None
    where = {"tenant": TENANT, "username": USER, "api_token": key, "base_url": base_url}
    unique_id = mentor["unique_id"]
    uploaded = await upload_document_to_mentor(unique_id, chapter, **where)
    trained = await wait_for_document_training_to_complete(
        unique_id, **where, max_retries=120, retry_interval=1
    )
    session_id = await create_chat_session(unique_id, TENANT, USER, base_url)
    documents = AiIndexApi(get_platform_api_client(base_url, key))
    listed = PaginatedRetrieverDocumentEmbeddingList.from_json(
        documents.ai_index_orgs_users_documents_pathways_list(TENANT, unique_id, USER).data
    )
    # The calls of these send no key of their own accord.
    client = get_platform_api_client(base_url, admin_token)
    client.set_default_header("Authorization", f"Api-Token {admin_token}")
    tokens = CoreApi(client)
    asked = {"name": "nightly-sync", "platform_key": TENANT, "expires_in": "30 00:00:00"}
    made = tokens.core_platform_api_tokens_create(PlatformApiKey.model_construct(**asked))
    kept = read_keys(tokens.core_platform_api_tokens_list(TENANT))
    gone = tokens.core_platform_api_tokens_destroy("nightly-sync", TENANT)
    return {
        "mentor": mentor,
        "uploaded": uploaded,
        "trained": trained,
        "session_id": session_id,
        "documents": [each.document_name for each in listed.results],
        "made": PlatformApiKey.from_json(made.data).key,
        "kept": kept,
        "gone": gone.status,
        "left": read_keys(tokens.core_platform_api_tokens_list(TENANT)),
    }


def read_keys(answer: Any) -> list[tuple[str, str]]:
    """The names and texts of keys, read by the SDK's own model."""
    from iblai.models.platform_api_key import PlatformApiKey

    keys = [PlatformApiKey.from_dict(each) for each in json.loads(answer.data)]
    return [(key.name, key.key) for key in keys]


@pytest.fixture
def admin_token(engine: Engine) -> str:
    code = engine.admins.issue_setup_code()
    admin = engine.admins.take_setup_code(code, "it@campus.edu", "correct horse battery")
    return make_admin_token(engine.settings.web_secret, admin)


def test_sdk_works_with_another_address_and_key(
    engine: Engine, mentor: Mentor, served: str, provisioning_key, admin_token, tmp_path: Path
):
    chapter = tmp_path / "chapter.md"
    chapter.write_text(CHAPTER)
    program = [sys.executable, "-W", "ignore", __file__]
    arguments = [served, provisioning_key, admin_token, str(chapter)]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)

    place = (mentor.organization_id, got["mentor"]["unique_id"])
    assert engine.mentors.get(*place).display_name == "My New Mentor"
    assert got["mentor"]["ignored_settings"] == ["llm_provider"]
    assert got["trained"] is True
    assert got["documents"] == ["chapter.md"]
    found = engine.retrieval.search(place[1], "Where does a limpet return to?")
    assert found[0].document_id == got["uploaded"]["document_id"]
    assert len(got["session_id"]) == 36
    assert got["made"].startswith("mai_")
    assert got["made"] not in [text for _, text in got["kept"]]
    assert sorted(name for name, _ in got["kept"]) == ["Semester_start", "nightly-sync"]
    assert got["gone"] == 204
    assert [name for name, _ in got["left"]] == ["Semester_start"]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(use_sdk(*sys.argv[1:]))))
