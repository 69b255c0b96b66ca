"""What this installation is to every platform: one object that holds the rooms of lti/."""

from typing import TYPE_CHECKING

from mentorai.core.offers import find_offers
from mentorai.core.values import Bucket, Connection, PlatformProfile
from mentorai.lti.budgets import Budgets
from mentorai.lti.consumer_keys import ConsumerKeys
from mentorai.lti.data_privacy import PrivacyVisits
from mentorai.lti.deep_linking_requests import DeepLinkingRequests
from mentorai.lti.deployments import Deployments
from mentorai.lti.invitations import Invitations
from mentorai.lti.keyset_fetches import KeysetFetches
from mentorai.lti.keysets import Keysets
from mentorai.lti.launch_log import LaunchLog
from mentorai.lti.migration import Migrations
from mentorai.lti.notice_services import NoticeServices
from mentorai.lti.notices import Notices
from mentorai.lti.paces import Pace, Paces
from mentorai.lti.platform_http import PlatformHttp
from mentorai.lti.registration_clients import RegistrationClients
from mentorai.lti.registration_drafts import RegistrationDrafts
from mentorai.lti.registrations import Registration, Registrations
from mentorai.lti.service_origins import ServiceOrigins
from mentorai.lti.tickets import Tickets
from mentorai.lti.tokens import Tokens
from mentorai.lti.tool_keys import ToolKeys

if TYPE_CHECKING:
    from mentorai.core.engine import Engine

FAMILY_LENGTH = 64
# Of a platform that no plugin knows and that does not name itself.
UNKNOWN_FAMILY = "lti"


class Tool:
    """The tool's side of LTI. Made once: `engine.room(Tool)`."""

    def __init__(self, engine: "Engine") -> None:
        database, settings = engine.database, engine.settings
        self.settings = settings
        self._plugins, self._database = engine.plugins, database
        self.http = PlatformHttp(settings)
        self.budgets = Budgets(database)
        engine.before_close(self.budgets.close)
        self.paces = Paces(self._find_profile_of, self.budgets)
        self.registrations = Registrations(database, settings)
        self.deployments = Deployments(database, self.registrations)
        self.registration_clients = RegistrationClients(database, settings)
        self.registration_drafts = RegistrationDrafts(database)
        self.invitations = Invitations(database, engine.audit)
        self.service_origins = ServiceOrigins(database)
        self.tool_keys = ToolKeys(database, settings)
        self.keyset_fetches = KeysetFetches(database)
        self.tickets = Tickets(database)
        self.launch_log = LaunchLog(database)
        engine.before_close(self.launch_log.flush)
        self.deep_linking_requests = DeepLinkingRequests(database, settings, self.registrations)
        self.keysets = Keysets(database, self.http)
        self.notices = Notices(database, self.registrations, self.keysets, engine.course_copies)
        self.notice_services = NoticeServices(database)
        self.consumer_keys = ConsumerKeys(database, settings)
        self.migrations = Migrations(
            database, self.consumer_keys, engine.people, engine.course_copies
        )
        self.privacy_visits = PrivacyVisits(database, engine.people)
        self.tokens = Tokens(database, settings, self.http, self.tool_keys, self.paces)

    def find_profile(self, issuer: str, family_code: str) -> PlatformProfile:
        """What is special about a platform's family; of a family without a plugin, its name."""
        family = self._plugins.ask_first(
            "recognise_platform", issuer=issuer, family_code=family_code
        )
        # What an unknown platform calls itself is kept if there is room for it.
        usable = family if family and len(family) <= FAMILY_LENGTH else UNKNOWN_FAMILY
        return self._plugins.find_profile(usable) or PlatformProfile(usable, title="LMS")

    def pace_of_api(self, connection: Connection, owner: str, bucket: Bucket | None = None) -> Pace:
        """How the API that a connection reaches wants to be called (Paces.find_for_api).

        owner: whose calls that kind of API counts together.
        """
        registration = self.registrations.find_named(connection.registration_id)
        return self.paces.find_for_api(registration, f"{connection.kind} {owner}", bucket)

    def _find_profile_of(self, registration: Registration) -> PlatformProfile | None:
        """By what IT registered it as, or else by what its launches were recognised as."""
        family = registration.family
        if not family:
            mine = registration.organization_id, registration.id
            family = find_offers(self._database, *mine).family
        profile = self.find_profile(registration.issuer, family)
        return profile if family or profile.family != UNKNOWN_FAMILY else None

    @property
    def login_url(self) -> str:
        """Where a platform begins a launch (OIDC login initiation)."""
        return f"{self.settings.public_url}/lti/login"

    def login_url_of(self, registration_id: str) -> str:
        """The same for one registration alone, when its platform does not say which it means."""
        return f"{self.login_url}/{registration_id}"

    @property
    def launch_url(self) -> str:
        """The one redirect URI, and where every launch ends."""
        return f"{self.settings.public_url}/lti/launch"

    def invitation_url_of(self, token: str) -> str:
        """The link that an LMS opens to register itself, of an invitation's secret."""
        return f"{self.settings.public_url}/lti/register/{token}"

    def document_url_of(self, family: str) -> str:
        """Where the document is that registers us by hand in this family of LMS."""
        return f"{self.settings.public_url}/lti/configuration/{family}.json"

    @property
    def keyset_url(self) -> str:
        """Where a platform reads our public keys."""
        return f"{self.settings.public_url}/lti/jwks.json"

    @property
    def notices_url(self) -> str:
        """Where a platform tells of changes by itself."""
        return f"{self.settings.public_url}/lti/notices"
