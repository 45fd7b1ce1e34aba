"""The console as a Django app; closes the side doors of the stock admin."""

from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "apps.console"
    label = "console"
    verbose_name = "Console"

    def ready(self) -> None:
        from django.contrib import admin  # noqa: PLC0415 - models are ready only now
        from django.contrib.auth.models import Group  # noqa: PLC0415 - models are ready only now

        from apps.console.views import sign_in  # noqa: PLC0415 - models are ready only now

        admin.site.site_title = "Signalbox"
        if admin.site.is_registered(Group):
            admin.site.unregister(
                Group
            )  # roles and grants are ours; Django's groups mean nothing here
        # One guarded way in and one way out, for the operator too.
        admin.site.login = sign_in.staff_log_in  # type: ignore[method-assign]  # meant to be replaced
        admin.site.logout = sign_in.log_out  # type: ignore[method-assign,assignment]  # as above
        admin.site.password_change = sign_in.to_account  # type: ignore[method-assign,assignment]  # as above
