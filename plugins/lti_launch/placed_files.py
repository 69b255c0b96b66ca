"""Documents that a platform fetches after a teacher placed them: by an address good for an hour.

The platform shows no token when it fetches (LTI Deep Linking 2.0, section 3.3), so the address
itself must: it names the document and the registration, signed, and ends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer

from mentorai.core.clock import now
from mentorai.core.datasets import Dataset
from mentorai.core.engine import Engine
from mentorai.core.errors import NotFound
from mentorai.lti.registrations import Registration
from mentorai.lti.tool import Tool

FILE_SECONDS = 3_600
GONE = "This file could be fetched for an hour after it was placed. Place it again in the course."


class PlacedFiles:
    """The addresses of documents that were placed, and what stands there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._serializer = URLSafeTimedSerializer(engine.settings.web_secret, salt="placed-file")

    def sign(self, registration: Registration, document: Dataset, file_name: str) -> str:
        """What the address that ends in this name holds for a document and this platform."""
        where = (registration.organization_id, registration.id)
        names = (*where, document.mentor_id, document.id, file_name)
        return str(self._serializer.dumps(names))

    def read(self, file_name: str, signed: str) -> tuple[Dataset, bytes]:
        """The document that an address is for. Raises NotFound, also when its time is over."""
        organization_id, registration_id, mentor_id, dataset_id, named = self._read_names(signed)
        if named != file_name:
            raise NotFound(GONE)
        registrations = self._engine.room(Tool).registrations
        if not registrations.get(organization_id, registration_id).is_active:
            raise NotFound(GONE)
        where = (organization_id, mentor_id, dataset_id)
        datasets = self._engine.datasets
        return datasets.get(*where), datasets.read_source(*where)

    def _read_names(self, signed: str) -> Sequence[str]:
        try:
            names: Sequence[str] = self._serializer.loads(signed, max_age=FILE_SECONDS)
        except BadData as error:
            raise NotFound(GONE) from error
        return names


def ends_at() -> datetime:
    """Until when an address that is made now is good."""
    return now() + timedelta(seconds=FILE_SECONDS)
