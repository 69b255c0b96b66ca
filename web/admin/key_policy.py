"""What campus IT allows API keys to be."""

from collections.abc import Mapping, Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mentorai.core.engine import Engine
from mentorai.core.errors import InputRejected
from mentorai.core.key_policies import KeyPolicy
from mentorai.core.scopes import PROVISIONING_SCOPES, SCOPES
from mentorai.web.admin.desk import desk
from mentorai.web.admin.key_forms import read_number


class KeyPolicyPages:
    """The policy of one organization."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def route(self, admin: Blueprint) -> None:
        """Put the pages on the blueprint."""
        admin.add_url_rule("/keys/policy", "key_policy", self.key_policy)
        admin.add_url_rule("/keys/policy", "put_key_policy", self.put_policy, methods=["POST"])

    def key_policy(self) -> str:
        """The form."""
        policy = self._engine.keys.policies.get(desk().organization_id)
        return self._show(policy, str(policy.max_days), policy.may_never_expire, policy.scopes, {})

    def put_policy(self) -> Response | tuple[str, int]:
        """Set the policy."""
        form, policies = request.form, self._engine.keys.policies
        may_never_expire = form.get("may_never_expire") == "yes"
        scopes = form.getlist("scopes")
        try:
            policies.put(
                desk().organization_id,
                max_days=read_number(form.get("max_days", ""), "max_days") or 0,
                may_never_expire=may_never_expire,
                scopes=scopes,
                author=desk().author,
            )
        except InputRejected as error:
            policy = policies.get(desk().organization_id)
            days = form.get("max_days", "")
            return self._show(policy, days, may_never_expire, scopes, error.errors), 422
        return redirect(url_for(".key_policy", done="saved"), 303)

    def _show(
        self,
        policy: KeyPolicy,
        max_days: str,
        may_never_expire: bool,
        scopes: Sequence[str],
        errors: Mapping[str, Sequence[str]],
    ) -> str:
        return render_template(
            "admin/key_policy.html",
            policy=policy,
            max_days=max_days,
            may_never_expire=may_never_expire,
            scopes=scopes,
            errors=errors,
            groups=(("Keys of a mentor", SCOPES), ("Provisioning keys", PROVISIONING_SCOPES)),
        )
